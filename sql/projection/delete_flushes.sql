-- Cuts the old end off.
DELETE FROM tasker_sidecar.flushes WHERE flush <= $1
