"""Becomes another program, one that dies with its owner: `tie.py OWNER DEATH_SIGNAL POLICY USER GROUP PROGRAM ARG…`

A program of its own instead of subprocess' `preexec_fn`, because with that Python runs its fork hooks in the owner,
and a Ctrl-C that arrives meanwhile is lost. GROUP is the file of the control group that the program is in from its
first instruction on, or empty: as in a pod, the quota holds for the start too. Run with -I -S to start in a few
milliseconds; it imports nothing of ours.
"""

import ctypes
import os
import pwd
import resource
import signal
import sys

PR_SET_PDEATHSIG = 1
SAME_USER = -1


def main() -> None:
    owner, death_signal, policy, user = (int(word) for word in sys.argv[1:5])
    group, program, *arguments = sys.argv[5:]
    if group:  # while we may still: the other user may not
        with open(group, "w") as processes:  # noqa: PTH123 - pathlib takes as long to import as all else here
            processes.write(str(os.getpid()))
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    os.sched_setscheduler(0, policy, os.sched_param(0))
    if user != SAME_USER:
        os.setgroups([])
        os.setgid(pwd.getpwuid(user).pw_gid)
        os.setuid(user)
    for ignored_by_python in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(ignored_by_python, signal.SIG_DFL)
    # After the change of user, which would undo it.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != owner:  # it died before the tie was made
        raise SystemExit(1)
    try:
        os.execv(program, [program, *arguments])
    except OSError as error:
        raise SystemExit(f"{program} cannot be started: {error.strerror}") from None


if __name__ == "__main__":
    main()
