#!/bin/sh
# The files of the site in the current directory, each name ended by a NUL. Left out is what a build
# neither needs nor may depend on: results and caches of other builds, repositories, dependencies
# that the image brings itself. Links are followed: what they lead to belongs to the site.
find -L . \( -name .git -o -name _site -o -name .jekyll-cache -o -name .sass-cache \
  -o -name .bundle -o -name node_modules -o -name .DS_Store -o -path ./vendor/bundle \) -prune \
  -o -type f -print0 2>/dev/null

# Where Sass looks into node_modules, its style sheets are what the build needs of it.
if cat _config.yml _config.yaml 2>/dev/null | awk '
  /^[^ \t#-]/ { of_sass = /^sass:/ }
  of_sass && /node_modules/ { found = 1 }
  END { exit !found }'
then
  find -L ./node_modules \( -name .git -o -name .cache \) -prune \
    -o -type f \( -name '*.scss' -o -name '*.sass' -o -name '*.css' \) -print0 2>/dev/null
fi
