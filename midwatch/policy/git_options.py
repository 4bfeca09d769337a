"""Permissions: what can Git's subcommands do besides their ordinary work? The tables behind shell rules; data only."""

from __future__ import annotations

from typing import Final

from midwatch.policy.options import listed

GIT_VALUES: Final = frozenset(
    {
        *("-c", "-C", "--git-dir", "--work-tree", "--namespace", "--super-prefix", "--config-env"),
        *("--attr-source", "--exec-path", "--list-cmds"),
    }
)
"""Git's options in front of the subcommand that take the next word."""

GIT_LOOKS: Final = frozenset(
    listed(
        "blame cat-file describe diff diff-files diff-index diff-tree grep log ls-files ls-tree name-rev rev-list "
        "rev-parse shortlog show show-ref status whatchanged"
    )
)
"""Git's subcommands that only look."""

GIT_ORDINARY: Final = GIT_LOOKS | frozenset(
    listed(
        "add am annotate apply archive branch bundle check-attr check-ignore check-mailmap checkout cherry "
        "cherry-pick clean clone commit commit-tree count-objects fetch for-each-ref format-patch fsck gc hash-object "
        "init ls-remote merge merge-base mv notes prune pull push range-diff rebase reflog remote repack reset "
        "restore revert rm show-branch sparse-checkout stash switch symbolic-ref tag update-index update-ref version "
        "worktree write-tree"
    )
)
"""What `git ...` grants. Another word may be an alias, which a repository's configuration makes a program of."""

GIT_LONG: Final = listed(
    "--cc-cmd --commit-filter --config --config-env --contents --edit --edit-description --env-filter --exec "
    "--export-marks --ext-diff --extcmd --file --filters --gpg-sign --header-cmd --help --httpd --ignore-revs-file "
    "--import-marks --in-place --index-filter --interactive --local-user --msg-filter --open-files-in-pager "
    "--output --output-directory --parent-filter --pathspec-from-file --receive-pack --sendmail-cmd "
    "--separate-git-dir --setup --show-signature --sign --smtp-server --strategy --subdirectory-filter --tag-name-filter "
    "--template --textconv --to-cmd --tool --tree-filter --upload-pack --verify-signatures --web"
)
"""Long options that no subcommand's ` ...` grants."""

GIT_SAFE: Final = listed(
    "--cc --exclude --first-parent --follow --full-index --ignore-all-space --ignore-case --in-reply-to "
    "--no-ext-diff --signoff --text --to --verify"
)
"""No abbreviations of those, although they look like it."""

GIT_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "apply": ("--unsafe-paths",),
    "archive": ("--remote",),
    "bisect": ("run", "view", "visualize"),
    "fsck": ("--lost-found",),
    "hook": ("run",),
    "notes": ("edit",),
    "submodule": ("add", "foreach", "update"),
    "tag": ("--verify",),
}
"""Arguments of one subcommand that run a program or reach elsewhere."""

GIT_SHORT: Final[dict[str, str]] = {
    "add": "ei",
    "am": "iS",
    "archive": "o",
    "blame": "S",
    "cherry-pick": "eS",
    "clone": "cuo",
    "commit": "eFtcCS",
    "config": "efl",
    "difftool": "xt",
    "fetch": "u",
    "format-patch": "o",
    "grep": "f",
    "merge": "eFsXS",
    "notes": "FcC",
    "rebase": "xisXS",
    "replace": "e",
    "revert": "eS",
    "tag": "Feusv",
}
"""Vetoed letters of one subcommand, besides `-O`, which `git grep` hands to a program."""

GIT_TAKES: Final[dict[str, str]] = {
    "commit": "m",
    "diff": "SGUlX",
    "grep": "eABCm",
    "log": "SGLUnlX",
    "merge": "m",
    "show": "SGLU",
    "tag": "m",
}
"""Letters whose value may be the rest of their cluster, by subcommand: elsewhere the same letters take none."""

GIT_CONFIG_READS: Final = frozenset(
    listed("get list --get --get-all --get-regexp --get-urlmatch --list -l --show-origin --show-scope")
)
"""Where `git config ...` begins with one of these, it tells; otherwise two arguments set what Git runs later."""
