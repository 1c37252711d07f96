#!/bin/sh
# What is to be known of the site in the current directory before it is built, but for the hash of
# its files: a line `kind<TAB>value` each. POSIX sh, BSD and GNU tools; nothing is written.

site=$(pwd -P)

# What decides about gems, and the GitHub repository that the site is of.
for name in _config.yml _config.yaml Gemfile Gemfile.lock *.gemspec .ruby-version .tool-versions; do
  [ -f "$name" ] && awk -v name="$name" '{ printf "text\t%s\t%s\n", name, $0 }' "$name"
done
for gem in vendor/cache/*.gem; do
  [ -f "$gem" ] && printf 'cached\t%s\n' "${gem##*/}"
done

# The directory of the repository: the site's own, or one above.
top=$site
while [ -n "$top" ] && [ ! -e "$top/.git" ]; do top=${top%/*}; done
if [ -n "$top" ]; then
  [ -f "$top/.git/config" ] && sed -n 's/^[[:space:]]*url[[:space:]]*=[[:space:]]*/origin	/p' "$top/.git/config"
  [ -f "$top/.gitmodules" ] &&
    sed -n 's/^[[:space:]]*path[[:space:]]*=[[:space:]]*//p' "$top/.gitmodules" |
    while IFS= read -r path; do
      case "$top/$path/" in "$site"/*) ;; *) continue ;; esac
      [ -n "$(ls -A "$top/$path" 2>/dev/null)" ] || printf 'submodule\t%s\n' "$path"
    done
fi

# A pointer of Git LFS has about 130 bytes (git-lfs, docs/spec.md).
if grep -qs 'filter=lfs' .gitattributes "$top/.gitattributes"; then
  find -L . -name .git -prune -o -type f -size -2 -exec \
    grep -l '^version https://git-lfs.github.com/spec/v1' '{}' + 2>/dev/null |
    sed 's|^\./|pointer	|'
fi

# Links that lead out of the site, or nowhere.
find . \( -name .git -o -name _site -o -name node_modules -o -path ./vendor \) -prune \
  -o -type l -print 2>/dev/null | while IFS= read -r link; do
  target=$(readlink "$link")
  case $target in /*) ;; *) target=${link%/*}/$target ;; esac
  if [ ! -e "$link" ]; then
    printf 'dangling\t%s\n' "${link#./}"
    continue
  fi
  if [ -d "$target" ]; then
    real=$(cd "$target" && pwd -P)
  else
    real=$(cd "${target%/*}/" && pwd -P)/${target##*/}
  fi
  case "$real/" in "$site"/*) ;; *) printf 'outside\t%s -> %s\n' "${link#./}" "$real" ;; esac
done

exit 0
