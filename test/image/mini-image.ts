/** Script that makes an image of Docker, `mini:1`, without any registry: a root file system of one shell. */
export const importImage = `
  mkdir -p mini/bin; cp "$(command -v dash)" mini/bin/sh
  for file in $(ldd mini/bin/sh | grep -o '/[^ ]*'); do mkdir -p "mini$(dirname "$file")"; cp -L "$file" "mini$file"; done
  tar -C mini -c . | docker import - mini:1`;
