-- A write transaction's own settings. $1 … are milliseconds: how long it waits
-- for our other writers, how long a statement may take, how long it may stand
-- still; NULL leaves it as it is. What is answered has to last, so commits are
-- not asynchronous. Plans are made once a session: a plan for the very array looks
-- cheaper each time, and takes longer to make than to run.
SELECT
    set_config('lock_timeout', $1::text, true),
    set_config('statement_timeout', coalesce($2::text, current_setting('statement_timeout')), true),
    set_config('idle_in_transaction_session_timeout', coalesce($3::text, current_setting('idle_in_transaction_session_timeout')), true),
    set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'local' ELSE current_setting('synchronous_commit') END, true),
    set_config('plan_cache_mode', 'force_generic_plan', true),
    set_config('enable_seqscan', 'off', true)
