/** A command as a person types it into a shell: quoted where it has to be. */
export function commandLine(words: readonly string[]): string {
  return words.map((word) => (/^[A-Za-z0-9@%+=:,./_-]+$/.test(word) ? word : quoted(word))).join(' ');
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
