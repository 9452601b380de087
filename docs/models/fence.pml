/*
 * Who may write: an advisory lock, and the row with the epoch (package leader).
 *
 * The processes try for the lock, raise the epoch by an UPDATE of the row, and
 * write in transactions that begin with SELECT … FOR NO KEY UPDATE of the row
 * where epoch and holder are their own. Meanwhile the server ends sessions that
 * have the lock, whose processes do not learn of it, and open transactions.
 * Any process may stand still anywhere for as long as it likes, since nothing
 * makes it go on: that is a frozen leader.
 *
 * README.md has the properties, the switches and what comes out.
 */
#ifndef PROCESSES
#define PROCESSES 3
#endif
#ifndef RAISES
#define RAISES 4 /* in all */
#endif
#ifndef WRITES
#define WRITES 2 /* of each lease */
#endif

/* What is committed. */
byte epoch;              /* the row of tasker_sidecar.leader … */
byte holder;             /* … a number of each lease's own */
byte data;               /* the lease that has written last, and how often: see WROTE */

/* What sessions and transactions hold, by their processes; 0 is nobody. */
byte advisory;           /* the leader's lock */
byte row_lock;           /* the row: raised or locked by a transaction in progress */
bool aborted[PROCESSES + 1]; /* the server has ended the transaction */

#ifdef LIVE
/* Two may stand still for ever, and the server ends something by itself once. */
bool frozen[PROCESSES + 1];
byte leading;            /* the process that last began to lead and goes on */
byte freezes = PROCESSES - 1, cuts = 1;
#define NOT_LEADING  if :: leading == me -> leading = 0 :: else fi
#define STANDS_STILL :: atomic { freezes > 0 -> freezes--; frozen[me] = true; NOT_LEADING; goto standing }
#ifdef NO_IDLE_TIMEOUT
#define CUT(who)     (cuts > 0)
#else
#define CUT(who)     (frozen[who] || cuts > 0)
#endif
#define SERVED(who)  if :: frozen[who] :: else -> cuts-- fi;
#else
#define NOT_LEADING  skip
#define STANDS_STILL
#define CUT(who) true
#define SERVED(who)
#endif

/* What nobody can see. */
byte leases;             /* holders that there were */
byte last_epoch;
bool failed_over;

/* What is asserted, by name. */
hidden byte epochs_rise, last_was_read, own_epoch;

#ifdef FAILOVER
/* A standby has what was committed before the last raise. */
byte standby_epoch, standby_holder, standby_data;
#endif

#define WROTE(lease, n) (lease * (WRITES + 1) + n)

#ifdef EPOCH_ONLY
#define OURS (epoch == my_epoch)
#else
#define OURS (epoch == my_epoch && holder == my_holder)
#endif

/* A transaction that the server has ended says so at its next statement. */
#define ENDED (aborted[me])

inline rollback(me)
{
	if :: row_lock == me -> row_lock = 0 :: else fi;
	aborted[me] = false
}

proctype Process(byte me)
{
	byte my_epoch, my_holder, seen, writes;
	bool fenced;

waiting:
	atomic { my_epoch = 0; my_holder = 0; seen = 0; writes = 0; fenced = false };
	if
	:: leases >= RAISES -> goto stopped
	:: atomic { leases < RAISES && advisory == 0 -> advisory = me }
#ifdef NO_LOCK
	:: leases < RAISES /* as if the lock were another's: the row alone must do */
#endif
	fi;

	/* The raise: UPDATE … SET epoch = epoch + 1, and then what is there is read. */
	if
	:: atomic { row_lock == 0 && leases < RAISES ->
		row_lock = me; leases++; my_holder = leases; my_epoch = epoch + 1 }
	:: leases >= RAISES -> goto release
	fi;
	seen = data;
	if
	:: atomic { ENDED -> rollback(me); goto release }
	:: atomic { !ENDED ->
		epochs_rise = (my_epoch > last_epoch || failed_over); assert(epochs_rise);
		last_was_read = (seen == data); assert(last_was_read); /* of what the leaders before wrote */
#ifdef FAILOVER
		standby_epoch = epoch; standby_holder = holder; standby_data = data;
#endif
		epoch = my_epoch; holder = my_holder; last_epoch = my_epoch;
#ifdef LIVE
		leading = me;
#endif
		rollback(me) }
#ifdef LIVE
	STANDS_STILL
#else
	:: atomic { rollback(me); goto release } /* the connection is lost, or not ready */
#endif
	fi;

	/* Leading: write transactions, as long as it believes in its lease. */
	do
#ifdef LIVE /* a ping tells it whether the session is there */
	STANDS_STILL
	:: atomic { advisory != me -> NOT_LEADING; goto release }
	:: advisory == me ->
#else
	:: writes < WRITES ->
		writes++;
#endif
#ifdef PLAIN_SELECT
		fenced = OURS;
#else
#ifdef NO_RECHECK
		fenced = OURS;
		atomic { row_lock == 0 || !fenced -> if :: fenced -> row_lock = me :: else fi };
#else
		if
		:: atomic { !OURS -> fenced = false } /* the statement's snapshot has no such row */
		:: OURS ->
			atomic { row_lock == 0 -> /* or it has, and is looked at again after the wait */
				fenced = OURS; if :: fenced -> row_lock = me :: else fi }
		fi;
#endif
#endif
		if
		:: atomic { !fenced -> rollback(me); NOT_LEADING; goto release } /* deposed */
		:: atomic { fenced && ENDED -> rollback(me) }
		:: atomic { fenced && !ENDED ->
			own_epoch = (epoch == my_epoch && holder == my_holder); assert(own_epoch); /* no write of a deposed leader */
			data = WROTE(my_holder, writes);
			rollback(me) }
#ifdef LIVE
		STANDS_STILL
#else
		:: atomic { fenced -> rollback(me) } /* not committed */
#endif
		fi;
		fenced = false
#ifndef LIVE
	:: break /* it stops, or has learned that its session is gone */
#endif
	od;

release:
	atomic { if :: advisory == me -> advisory = 0 :: else fi; goto waiting };
#ifdef LIVE
standing:
	false;
#endif
stopped:
	skip
}

/* The server, and what happens to it. */
active proctype Server()
{
end:
	do
	:: atomic { advisory != 0 && CUT(advisory) -> SERVED(advisory) advisory = 0 } /* the session is ended; its raise may be committed before */
	:: atomic { row_lock != 0 && CUT(row_lock) -> SERVED(row_lock) aborted[row_lock] = true; row_lock = 0 } /* an idle transaction */
#ifdef FAILOVER
	:: atomic { !failed_over && leases > 0 -> /* every session ends; the last raise is forgotten */
		failed_over = true; advisory = 0;
		if :: row_lock != 0 -> aborted[row_lock] = true; row_lock = 0 :: else fi;
		epoch = standby_epoch; holder = standby_holder; data = standby_data }
#endif
	od
}

init {
	byte i;
	atomic { for (i : 1 .. PROCESSES) { run Process(i) } }
}

#ifdef LIVE
ltl { [] <> (leading != 0 && advisory == leading) } /* somebody leads, again and again, and has the lock */
#endif
