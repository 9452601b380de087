# Outlives the process that started it, to clear up after it.
# $1 is the directory of the cluster. Standard input says what runs now, one
# line each time it changes: "group PGID" (initdb), "postmaster PID" or "none".
# End of file means that the starter is gone.
trap '' HUP INT TERM PIPE
dir=$1 kind=none pid=0
case $dir in */tasker-sidecar-pg-*) ;; *) exit 2 ;; esac

while read -r k p; do kind=$k pid=$p; done

case $kind in
group)
	kill -KILL "-$pid"
	;;
postmaster)
	# Immediate shutdown. The lock file goes when the postmaster does, also
	# where nobody reaps it.
	kill -QUIT "$pid"
	i=0
	while [ -e "$dir/data/postmaster.pid" ] && kill -0 "$pid" && [ $i -lt 200 ]; do
		sleep 0.05
		i=$((i + 1))
	done
	kill -KILL "$pid"
	;;
esac

# A postmaster that was killed leaves a shared memory segment; its lock file
# names key and id.
shm=$(sed -n '7s/.* //p' "$dir/data/postmaster.pid") && [ -n "$shm" ] && ipcrm -m "$shm"

i=0
while [ -e "$dir" ] && [ $i -lt 100 ]; do
	rm -rf "$dir" || sleep 0.05
	i=$((i + 1))
done
