/*
 * Transitions of one step, written by sidecars and by Rails at once.
 *
 * Transactions 1 and 2 are ours: advisory lock, FOR NO KEY UPDATE on the step,
 * read in a later statement, check, flip by id and exactly one row, insert. The
 * first may go the quick way, too: read and check before the step's lock, and
 * what was read is looked at again by the flip; what that way would refuse, or
 * finds changed, goes the careful way.
 * Transactions 3 and 4 are workers of Rails, in the engine's order of statements
 * and without a lock but those that statements take; one that loses a race
 * moves the step to error. One line of a process here is one moment in Postgres:
 * a statement has its snapshot, or a lock, or its entry in an index.
 *
 * Any cycle of waits is an end state in which nobody can go on, which spin
 * reports. README.md has the properties, the switches and what comes out.
 */
#define PENDING     1
#define IN_PROGRESS 2
#define COMPLETE    3
#define ERROR       4
#define CANCELLED   5
#define RESOLVED    6

#ifdef TASK
#define ALLOWED(from, to) \
	(from == PENDING     && (to == IN_PROGRESS || to == CANCELLED || to == ERROR) || \
	 from == IN_PROGRESS && (to == COMPLETE || to == ERROR || to == CANCELLED || to == PENDING) || \
	 from == ERROR       && (to == PENDING || to == RESOLVED) || \
	 (from == COMPLETE || from == RESOLVED) && to == CANCELLED)
#else
#define ALLOWED(from, to) \
	(from == PENDING     && (to == IN_PROGRESS || to == ERROR || to == CANCELLED || to == RESOLVED) || \
	 from == IN_PROGRESS && (to == COMPLETE || to == ERROR || to == CANCELLED) || \
	 from == ERROR       && (to == PENDING || to == RESOLVED))
#endif

#define NONE 255

/* When the retrier and the rescuer act. */
#ifdef RETRY_LOST_RACE
#define RETRIABLE true
#else
#define RETRIABLE !raced
#endif
#ifdef RESCUE_ALIVE
#define ABANDONED true
#else
#define ABANDONED (executing == 0)
#endif

#ifndef REQUESTS
#define REQUESTS 2 /* of each of ours */
#endif
#ifndef ROUNDS
#define ROUNDS 2 /* of each worker: looks whether the step is pending */
#endif

/* What is committed. Sort keys are divided by ten; 0 is no row. */
byte sort_key;           /* the highest */
byte state = PENDING;    /* of its row */
bool raced;              /* the step's results are the error of a lost race */
byte recent;             /* the sort key of the row that is most recent */

/* What transactions in progress hold, by their numbers; 0 is nobody. */
byte advisory;           /* our advisory lock */
byte step_lock;          /* the step's row, for an update of it or FOR NO KEY UPDATE */
bool shares[5];          /* the step's row, FOR KEY SHARE: by the foreign key of an insert */
byte recent_lock;        /* the most recent row: flipped, not committed */
byte keys[5];            /* entries in the unique index (step, sort_key) */
bool recents[5];         /* entries in the unique index (step, most_recent) */

/* What nobody can see, for the assertions. */
byte executing;          /* workers that have taken the step and not recorded the result */
bool succeeded;          /* a handler has */
byte job;                /* the worker that has the task's job */

/* What is asserted, by name. */
hidden byte allowed, next_key, one_most_recent, highest_key, not_outdated, executed_once, handler_ran, result_kept;

#define OTHERS_KEY(k) (keys[1] == k || keys[2] == k || keys[3] == k || keys[4] == k)
#define OTHERS_RECENT (recents[1] || recents[2] || recents[3] || recents[4])
#define OTHERS_SHARE  (shares[1] || shares[2] || shares[3] || shares[4])

inline release(me)
{
	if :: recent_lock == me -> recent_lock = 0 :: else fi;
	if :: step_lock == me -> step_lock = 0 :: else fi;
	keys[me] = 0; recents[me] = false; shares[me] = false
}

inline leave(me)
{
	release(me);
	if :: advisory == me -> advisory = 0 :: else fi
}

inline commit(me, to, by_race)
{
	allowed = ALLOWED(state, to); assert(allowed);
	next_key = (keys[me] == sort_key + 1); assert(next_key);
	sort_key = keys[me]; state = to; raced = by_race;
	if :: recent_lock == me -> recent = 0 :: else fi;
	one_most_recent = (recent == 0); assert(one_most_recent);
	recent = keys[me];
	highest_key = (recent == sort_key); assert(highest_key);
	leave(me)
}

/* Ours would rather give up a wait than see it become a deadlock. */
#ifdef LOCK_TIMEOUT
#define OR_GIVE_UP :: me <= 2 -> lost = true
#else
#define OR_GIVE_UP
#endif

/*
 * UPDATE … SET most_recent = false WHERE … AND most_recent: the row that was
 * the most recent at the statement's start, if it is so still after the wait.
 */
inline flip(me, target)
{
	if
	:: atomic { recent != target || recent_lock == 0 ->
		flipped = (target != 0 && recent == target);
		if :: flipped -> recent_lock = me :: else fi }
	OR_GIVE_UP
	fi
}

/* Entries in the two unique indexes, each after the end of whoever is in its way. */
inline enter_recent(me)
{
	if
	:: lost
	:: atomic { !lost && (recent == 0 || recent_lock == 0 || recent_lock == me) && !OTHERS_RECENT ->
		if :: recent != 0 && recent_lock != me -> lost = true :: else -> recents[me] = true fi }
	OR_GIVE_UP
	fi
}

inline enter_key(me, key)
{
	if
	:: lost
	:: atomic { !lost && (key <= sort_key || !OTHERS_KEY(key)) ->
		if :: key <= sort_key -> lost = true :: else -> keys[me] = key fi }
	OR_GIVE_UP
	fi
}

/* The indexes are written in the order of their making; then the foreign key looks. */
inline insert(me, key)
{
#ifdef KEY_FIRST
	enter_key(me, key);
	enter_recent(me);
#else
	enter_recent(me);
	enter_key(me, key);
#endif
#ifdef FOR_UPDATE
	if
	:: lost
	:: atomic { !lost && (step_lock == 0 || step_lock > 2 || step_lock == me) -> shares[me] = true }
	fi
#endif /* else nobody waits for it: FOR KEY SHARE goes with FOR NO KEY UPDATE */
}

inline lock_step(me)
{
#ifdef FOR_UPDATE
	atomic { step_lock == 0 && (me > 2 || !OTHERS_SHARE) -> step_lock = me; at_lock = sort_key }
#else
	atomic { step_lock == 0 -> step_lock = me; at_lock = sort_key }
#endif
}

/* What ours are asked for: anything; or what the contract calls safe. */
inline request()
{
	expected = NONE;
	if
#ifdef SERVICES
	:: atomic { to = CANCELLED; only = PENDING }
	:: to = RESOLVED
	:: atomic { state == ERROR && RETRIABLE -> to = PENDING; only = ERROR; expected = sort_key }
	:: atomic { state == IN_PROGRESS && ABANDONED -> to = ERROR; only = IN_PROGRESS; expected = sort_key }
#ifdef TAKE
	:: to = IN_PROGRESS
#endif
#else
	:: to = PENDING :: to = IN_PROGRESS :: to = COMPLETE
	:: to = ERROR :: to = CANCELLED :: to = RESOLVED
#endif
	fi
}

/* A request for the transition that it has seen, not only for its state. */
#ifdef EXPECT_STATE
#define UNEXPECTED (only != 0 && from != only)
#else
#define UNEXPECTED (only != 0 && (from != only || expected != NONE && row != expected))
#endif

proctype Writer(byte me)
{
	byte to, expected, only, at_lock, row, from, left = REQUESTS;
	bool flipped, lost;
	do
	:: left > 0 ->
		left--;
		request();
		atomic { advisory == 0 -> advisory = me };
		if
		:: me == 1 -> /* the quick way */
			atomic { row = sort_key; from = state };
			if
			:: !ALLOWED(from, to) || UNEXPECTED ->
#ifdef QUICK_REFUSES
				atomic { at_lock = sort_key; not_outdated = (row >= at_lock); assert(not_outdated) }
#endif
				atomic { row = 0; from = 0; goto careful }
			:: else -> from = 0
			fi;
			lock_step(me);
			at_lock = 0;
#ifdef QUICK_FLIPS_ANY
			row = recent;
			flip(me, row);
			row = sort_key;
#else
			flip(me, row);
			if :: row != 0 && !flipped -> lost = true :: else fi;
#endif
			insert(me, row + 1);
			if
			:: atomic { !lost -> commit(me, to, false); goto next }
			:: goto next /* the connection is lost before */
			:: atomic { lost -> lost = false; flipped = false; row = 0; leave(me); goto again_careful }
			fi
		:: goto careful
		fi;
again_careful:
		atomic { advisory == 0 -> advisory = me };
careful:
#ifdef SAME_STATEMENT
		atomic { row = sort_key; from = state };
		lock_step(me);
#else
		lock_step(me);
again:
		atomic { row = sort_key; from = state };
#endif
		if
		:: !ALLOWED(from, to) || UNEXPECTED ->
			/* not refused for a state that was over before the lock was had */
			atomic { not_outdated = (row >= at_lock); assert(not_outdated); goto next }
		:: else -> atomic { from = 0; at_lock = 0 }
		fi;
#ifdef FLIP_ANY
		row = recent;
		flip(me, row);
		row = sort_key; /* the insert itself finds max(sort_key) */
#else
		flip(me, row);
#ifndef NO_COUNT
		if :: row != 0 && !flipped -> lost = true :: else fi;
#endif
#endif
		insert(me, row + 1);
		if
		:: atomic { !lost -> commit(me, to, false); goto next }
		:: goto next /* the connection is lost before */
		:: atomic { lost -> lost = false; flipped = false; leave(me); goto again_careful }
#ifndef SAME_STATEMENT
		:: atomic { lost -> lost = false; flipped = false; release(me); step_lock = me; goto again } /* to a savepoint */
#endif
		fi;
next:
		atomic { leave(me); to = 0; expected = 0; only = 0; at_lock = 0; row = 0; from = 0; flipped = false; lost = false }
	:: left == 0 -> break
	od
}

/* The engine's transition: it reads, checks, flips what it finds and inserts. */
inline transition(me, to)
{
	atomic { row = sort_key; from = state };
	if
	:: ALLOWED(from, to) ->
		atomic { from = 0; found = recent };
		flip(me, found);
		insert(me, row + 1)
	:: else -> lost = true
	fi
}

/* A result: the step's row, then the transition. */
inline record(me, to)
{
#ifdef ROW_LAST
	transition(me, to);
	if :: lost :: else -> lock_step(me) fi
#else
	lock_step(me);
	transition(me, to)
#endif
}

inline forget(me)
{
	leave(me); at_lock = 0; row = 0; from = 0; found = 0; flipped = false; lost = false
}

proctype Worker(byte me)
{
	byte at_lock, row, from, found, to, left = ROUNDS;
	bool flipped, lost;
	do
	:: left > 0 ->
		left--;
#ifdef ONE_JOB
		atomic { job == 0 -> job = me };
#endif
		if :: state != PENDING -> goto done :: else fi;

		/* Taken: the transition alone. */
		transition(me, IN_PROGRESS);
		if
		:: atomic { lost -> forget(me); goto lose }
		:: atomic { !lost -> commit(me, IN_PROGRESS, false);
#ifdef SERVICES
			/* not by two at a time, nor again once it has succeeded */
			executed_once = (executing == 0 && !succeeded); assert(executed_once);
#endif
			executing++; forget(me) }
		:: goto dead
		fi;

		/* The handler succeeds or fails, or the worker dies in it. */
		if
		:: atomic { to = COMPLETE; succeeded = true }
		:: to = ERROR
		:: atomic { executing--; goto dead }
		fi;

		record(me, to);
		if
		:: atomic { !lost -> commit(me, to, false); executing--; goto done }
		:: atomic { executing--; succeeded = false; goto dead }
		:: atomic { lost ->
#ifdef ONE_JOB
			result_kept = false; assert(result_kept); /* what a living worker has done is not refused */
#endif
			forget(me); executing--; if :: to == ERROR -> goto done :: else fi }
		fi;

		/* A lost race is a failure: an attempt, and the step's move to error. */
lose:
		to = 0;
		record(me, ERROR);
		if
		:: lost
		:: atomic { !lost ->
#ifdef ONE_JOB
			handler_ran = false; assert(handler_ran); /* an attempt that no handler has made */
#endif
			commit(me, ERROR, true) }
		fi;
done:
		atomic { forget(me); to = 0; if :: job == me -> job = 0 :: else fi }
	:: left == 0 -> break
	od;
dead:
	atomic { forget(me); to = 0; left = 0; if :: job == me -> job = 0 :: else fi }
}

init {
	atomic {
		run Writer(1);
#ifndef ONE_WRITER
		run Writer(2);
#endif
		run Worker(3);
		run Worker(4)
	}
}
