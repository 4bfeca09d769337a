"""Permissions: what can a program's options do besides its ordinary work? The tables behind shell rules; data only.

A rule's ` ...` grants the program's ordinary use. It does not grant what makes the program run another program, write a
file, or read its configuration from elsewhere. GNU programs accept abbreviated long options, so these are vetoed too.
"""

from __future__ import annotations

from typing import Final

from midwatch.policy.git_options import GIT_LONG, GIT_SAFE
from midwatch.policy.options import Options, listed
from midwatch.policy.toolchains import TOOLCHAINS

READERS: Final = frozenset(
    listed(
        "arch b2sum base32 base64 basename cat cd cksum cmp comm cut df diff dir dirname du echo egrep expand "
        "false fgrep fmt fold free grep groups head hexdump id join ls lsblk lscpu md5sum mountpoint nl nproc "
        "numfmt od paste pathchk pgrep printenv ps pwd readlink realpath rev seq sha1sum sha224sum sha256sum "
        "sha384sum sha512sum sleep stat strings sum tac tail tr true tsort tty uname unexpand uptime vdir "
        "vmstat wc whereis which whoami"
    )
)
"""Programs that only read, whatever their options: a file's name cannot be an option that does harm."""

NAMERS: Final = frozenset(listed("basename dir dirname du echo ls printf readlink realpath stat vdir"))
"""Readers that show names and sizes and never what is in a file: a wildcard of theirs opens nothing."""

_GIT: Final = Options(long=tuple(GIT_LONG), safe=tuple(GIT_SAFE), ends=True)
_AWK: Final = Options(only=("-F", "-v"), takes="Fv", files_from=1)
_GREP: Final = Options(long=("--file",), short="f", takes="eABCmdD", files_from=0, ends=True)

PROGRAMS: Final[dict[str, Options]] = {
    **{name: Options() for name in READERS},
    **dict.fromkeys(("awk", "gawk", "mawk"), _AWK),
    **dict.fromkeys(("grep", "egrep", "fgrep"), _GREP),
    **dict.fromkeys(("du", "wc"), Options(long=("--files0-from",), ends=True)),
    "[": Options(words=("-v", "-R")),
    "test": Options(words=("-v", "-R")),
    "printf": Options(short="v"),
    "column": Options(),
    "curl": Options(
        only=listed(
            "-s -S -f -i -I -v -m -4 -6 --silent --show-error --fail --include --head --verbose --max-time "
            "--compressed --http1.1 --http2 --connect-timeout --ipv4 --ipv6"
        ),
        takes="m",
        values=("--max-time", "--connect-timeout"),
    ),
    **dict.fromkeys(
        listed("apt apt-cache apt-get dpkg dpkg-query"),
        Options(
            long=listed("--option --config-file --root --admindir --instdir --pre-invoke --post-invoke"), short="oc"
        ),
    ),
    "date": Options(long=("--set", "--file"), short="sf", takes="drI"),
    "dmesg": Options(
        long=listed("--clear --read-clear --console-off --console-on --console-level --file"), short="cCDEnF"
    ),
    "file": Options(
        long=("--compile", "--magic-file", "--uncompress", "--files-from"), short="CmzZf", takes="eFP", files_from=0
    ),
    "find": Options(
        words=listed("-exec -execdir -ok -okdir -delete -fprint -fprint0 -fprintf -fls -files0-from"), files_from=0
    ),
    "fd": Options(long=("--exec", "--exec-batch", "--ignore-file"), short="xX", safe=("--exclude", "--extension")),
    "git": _GIT,
    "hostname": Options(only=listed("-f -s -i -I -d -A --fqdn --short"), positionals=0),
    "journalctl": Options(
        long=listed(
            "--vacuum-size --vacuum-time --vacuum-files --rotate --flush --sync --relinquish-var "
            "--smart-relinquish-var --setup-keys --update-catalog --cursor-file --root --image --file --directory "
            "--machine"
        ),
        short="DMi",
        takes="ounptSUg",
        safe=("--since", "--system"),
    ),
    "ip": Options(words=("exec", "-b", "-batch"), short="b"),
    "jq": Options(long=("--from-file", "--library-path", "--run-tests"), short="fL"),
    "make": Options(only=listed("-n -k -s -B -j --dry-run --keep-going --silent --always-make"), takes="j"),
    "rg": Options(
        long=("--pre", "--hostname-bin", "--search-zip", "--file", "--ignore-file"),
        short="zf",
        takes="egmtTABCEdjMr",
        safe=("--pretty", "--files", "--ignore-file-case-insensitive"),
        files_from=0,
        ends=True,
    ),
    "rsync": Options(
        long=listed(
            "--rsh --rsync-path --files-from --log-file --write-batch --only-write-batch --read-batch --backup-dir "
            "--partial-dir --temp-dir --password-file --config --daemon --remote-option"
        ),
        short="eMT",
    ),
    **dict.fromkeys(
        listed("ed emacs ex gdb less mail man more nano psql mysql sqlite3 sftp ssh vi view vim"), Options(only=())
    ),
    "scp": Options(only=("-r", "-p", "-q", "-C")),
    "sed": Options(
        only=listed("-n -E -r -s -u -z -e --quiet --silent --regexp-extended --null-data --expression"),
        takes="e",
        values=("--expression",),
        files_from=1,
    ),
    "shuf": Options(long=("--output",), short="o", takes="in"),
    "sort": Options(
        long=listed("--output --compress-program --temporary-directory --files0-from"),
        short="oT",
        takes="ktS",
        files_from=0,
        ends=True,
    ),
    "tar": Options(only=listed("-t -f -v -z -j -J --list --file --verbose --gzip --bzip2 --xz")),
    "systemctl": Options(
        long=("--host", "--machine", "--root", "--image"),
        short="HM",
        takes="tpPnso",
        commands=listed("edit import-environment link set-environment"),
    ),
    "split": Options(long=("--filter",)),
    "tee": Options(positionals=0),
    "tree": Options(long=("--output",), short="oR", takes="LPI"),
    "uniq": Options(positionals=1, takes="fsw", ends=True),
    "wget": Options(only=("-q", "-S", "--quiet", "--spider", "--server-response", "--timeout")),
    "yq": Options(long=("--inplace", "--split-exp", "--from-file"), short="is"),
    "zip": Options(long=("--unzip-command", "--test"), short="T"),
    "xxd": Options(short="r", positionals=1, takes="clgosn", first=True),
    **TOOLCHAINS,
}
"""Programs whose arguments are known. The last resort for all others is SUSPICIOUS."""

SUSPICIOUS: Final = listed(
    "chdir cmd command config cwd dump editor eval exec --fix hook in-place init-file inplace load log-file manifest "
    "output pager plugin preprocess program proxy rcfile require rsh save script shell startup to-file write"
)
"""A long option of an unknown program whose name holds one of these is not granted by ` ...`."""

SUSPICIOUS_SHORT: Final = "ceioxfCI"
"""Short options that often mean a command, an expression, a file to change or to write; of an unknown program."""

LOOKERS: Final = READERS | frozenset(
    listed("[ awk column date dmesg file find fd gawk git jq journalctl mawk printf rg sed sort tar test tree uniq xxd")
)
"""Programs that only look at the files that they name, as long as no option of theirs is vetoed."""

INTERPRETERS: Final = frozenset(
    listed(
        "ash bash busybox dash deno fish guile ksh lua node nodejs perl php pwsh python python2 python3 Rscript "
        "ruby sh tclsh zsh"
    )
)
"""Without a script's name in the rule, ` ...` grants a script, but no option in front of it and no standard input."""

SHELLS: Final = frozenset(["ash", "bash", "dash", "fish", "ksh", "sh", "zsh"])

WRAPPERS: Final[dict[str, int]] = {
    **dict.fromkeys(
        listed(
            "! { bwrap builtin busybox caffeinate capsh catchsegv chronic chrt command coproc cpulimit daemonize "
            "dbus-run-session do doas dumb-init elif else entr env exec fakeroot firejail gdb hyperfine if ifne ionice "
            "linux32 linux64 ltrace nice nohup npx nsenter numactl parallel perf pkexec prlimit proot proxychains "
            "rlwrap setarch setpriv setsid start-stop-daemon stdbuf strace su sudo systemd-run then time timeout tini "
            "torsocks toybox unbuffer unshare until uvx valgrind watch while xargs xvfb-run"
        ),
        0,
    ),
    **dict.fromkeys(["chpst", "chroot", "flock", "gosu", "runuser", "script", "sg", "ssh", "su-exec", "taskset"], 1),
}
"""Programs that run another one that stands in their arguments, behind so many that are no options."""

STRING_RUNNERS: Final = SHELLS | frozenset(
    listed("alias at capsh env eval flock hyperfine nix-shell parallel script sg ssh su trap watch")
)
"""Programs that run the text of an argument."""

SHELL_STATE: Final = frozenset(
    listed(
        ". alias bind builtin coproc declare disown enable eval exec export fc getopts hash let local mapfile popd "
        "pushd read readarray readonly set shopt source trap typeset unalias unset"
    )
)
"""Builtins that change what later commands of the line mean. No rule allows a line with one."""

BUILTINS_ONLY: Final = frozenset(listed(": cd help jobs suspend times type ulimit umask wait"))
"""What only a shell can run."""

RESERVED: Final = frozenset(
    listed("! { } [[ ]] case coproc do done elif else esac fi for function if in select then time until while")
)
"""Words that are no program when bash reads them first in a command."""

URL_PROGRAMS: Final = frozenset({"curl", "wget"})
"""Programs whose arguments, options aside, are URLs: every one of them must be granted by a rule's URL pattern."""
