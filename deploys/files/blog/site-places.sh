#!/bin/sh
# Where Jekyll sites are in and below the current directory: paths, one a line, "" for itself, which
# is then the only one. POSIX sh, BSD and GNU tools; nothing is written.
if [ -f _config.yml ] || [ -f _config.yaml ]; then
  echo
  exit 0
fi
find . -maxdepth 3 \( -name .git -o -name node_modules -o -name vendor -o -name _site \
  -o -name test -o -name tests -o -name spec \) -prune \
  -o \( -name _config.yml -o -name _config.yaml \) -type f -print 2>/dev/null |
  sed -e 's|^\./||' -e 's|/_config\.ya*ml$||' | LC_ALL=C sort -u
exit 0
