/** One word that only a shell can make something of. */
const shellLike = /[\s;&|<>$`()"'*?]/;

/** A program whose name holds such signs goes before. */
const script = 'if command -v "$1" >/dev/null 2>&1; then exec "$1"; fi; exec sh -c "$1"';

/**
 * The argument vector for the words of `coi run`: as they are, except that a single one which reads like a shell's line and
 * is no program inside is given to the shell inside.
 */
export function guestCommand(words: readonly string[]): readonly string[] {
  const [line = ''] = words;
  return words.length === 1 && shellLike.test(line) ? ['sh', '-c', script, 'coi', line] : words;
}
