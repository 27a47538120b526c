# The real producers of jobs, and other clients, from PyPI, in a virtual environment of the user's cache folder. Sourced,
# not run.
# shellcheck shell=bash

# producers_python [LIST]: prints the interpreter that has what LIST (producers.txt) names; made at the first call.
producers_python() {
    local names list folder
    names=${1:-$(dirname "${BASH_SOURCE[0]}")/producers.txt}
    list=$(sha256sum "$names" | cut -c1-12)
    folder=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/tenantd/producers-$list
    mkdir -p "$(dirname "$folder")"
    (
        flock 9
        if [ ! -e "$folder/complete" ]; then
            python3 -m venv --clear "$folder"
            "$folder/bin/python" -m pip install --quiet --disable-pip-version-check -r "$names"
            touch "$folder/complete"
        fi
    ) 9>"$folder.lock" >&2
    echo "$folder/bin/python"
}
