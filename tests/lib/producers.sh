# The real producers of jobs, and other clients, from PyPI, in a virtual environment of the user's cache folder. Sourced,
# not run.
# shellcheck shell=bash

# producers_python [LIST]: prints the interpreter that has what LIST (producers.txt) names; made at the first call. Fails
# when that cannot be installed, also where the caller's `if` or `||` switches `set -e` off.
producers_python() {
    local names list folder
    names=${1:-$(dirname "${BASH_SOURCE[0]}")/producers.txt}
    list=$(sha256sum "$names" | cut -c1-12)
    folder=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tenantd/producers-$list
    mkdir -p "$(dirname "$folder")" || return
    (
        flock 9
        [ -e "$folder/complete" ] || {
            python3 -m venv --clear "$folder" &&
                "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$names" &&
                touch "$folder/complete"
        }
    ) 9>"$folder.lock" >&2 || return
    echo "$folder/bin/python"
}
