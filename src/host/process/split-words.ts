/** Words with a NUL behind each, as programs have them in memory: an empty one is a word, too. @see proc_pid_cmdline(5) */
export function splitWords(bytes: Buffer): string[] {
  if (bytes.length === 0) return [];
  const end = bytes.at(-1) === 0 ? bytes.length - 1 : bytes.length;
  return bytes.toString('utf8', 0, end).split('\0');
}
