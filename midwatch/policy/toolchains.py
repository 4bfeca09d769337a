"""Permissions: what can build, test and package tools do besides their ordinary work? The tables behind shell rules; data.

A test or a build runs the project's own code; that is the ordinary use. These rows are about code, configuration and
places that are not the project's.
"""

from __future__ import annotations

from typing import Final

from midwatch.policy.options import Options, listed

_GO: Final = listed(
    "C asmflags blockprofile c compiler coverprofile cpuprofile exec gccgoflags gcflags ldflags memprofile modfile "
    "mutexprofile o outputdir overlay pkgdir test.blockprofile test.coverprofile test.cpuprofile test.gocoverdir "
    "test.memprofile test.mutexprofile test.outputdir test.testlogfile test.trace testlogfile toolexec trace vettool w"
)

TOOLCHAINS: Final[dict[str, Options]] = {
    "cargo": Options(
        long=listed(
            "--artifact-dir --config --fix --lockfile-path --manifest-path --open --out-dir --target-dir --timings"
        ),
        short="ZCF",
        takes="pj",
        safe=("--features", "--format"),
        commands=("fix", "install"),
    ),
    "cmake": Options(long=listed("--install --open --preset --toolchain"), short="CEP"),
    "docker": Options(
        long=listed("--config --context --host --output --tlscacert --tlscert --tlskey"),
        short="Hco",
        commands=listed("buildx compose context cp exec export load login plugin run save"),
    ),
    "go": Options(
        words=tuple(f"{dashes}{name}" for name in _GO for dashes in ("-", "--")),
        commands=listed("bug generate tool"),
    ),
    "gradle": Options(
        long=listed(
            "--build-file --gradle-user-home --include-build --init-script --project-cache-dir --project-dir "
            "--settings-file"
        ),
        short="bcgIp",
    ),
    "kubectl": Options(
        long=listed(
            "--as --as-group --as-uid --cache-dir --certificate-authority --client-certificate --client-key --cluster "
            "--context --filename --insecure-skip-tls-verify --kubeconfig --kustomize --log-file --password "
            "--profile --profile-output --raw --server --template --tls-server-name --token --user --username"
        ),
        short="sfk",
        takes="nlco",
        commands=listed("attach config cp debug edit exec plugin port-forward proxy run"),
    ),
    "mvn": Options(
        long=listed("--file --global-settings --global-toolchains --settings --toolchains"),
        short="fst",
        words=("-gs", "-gt"),
    ),
    "npm": Options(
        long=listed(
            "--call --cache --editor --git --globalconfig --init-module --node-options --onload-script --prefix "
            "--registry --script-shell --shell --userconfig --viewer"
        ),
        short="cC",
        commands=listed("config create edit exec explore hook init innit pkg set x"),
    ),
    "pip": Options(
        long=listed(
            "--build-option --cache-dir --cert --client-cert --config-settings --extra-index-url --find-links "
            "--global-option --index-url --log --prefix --proxy --python --report --root --src --target --trusted-host"
        ),
        short="iftC",
        takes="rc",
        safe=("--pre",),
        commands=("config",),
    ),
    "pytest": Options(
        words=listed(
            "--basetemp --confcutdir --config-file --cov-config --cov-report --debug --html --junit-xml --junitxml "
            "--log-file --override-ini --pastebin --pdb --pdbcls --pyargs --report-log --rootdir --trace"
        ),
        short="cpo",
        takes="kmnrW",
    ),
    **dict.fromkeys(
        ("pnpm", "yarn"),
        Options(
            long=listed("--cwd --dir --global-folder --registry --script-shell --shell-emulator --use-yarnrc"),
            short="C",
            commands=listed("config create dlx exec init node set"),
        ),
    ),
}
"""Rows of `programs.PROGRAMS`."""
