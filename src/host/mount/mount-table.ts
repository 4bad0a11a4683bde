/** One mount as a process sees it. */
export interface Mounted {
  /** Path inside its file system of what is shown. */
  readonly root: string;
  /** Where it is shown. */
  readonly point: string;
  readonly device: string;
  readonly readonly: boolean;
  readonly type: string;
}

/** Reads a list of mounts. Of several at one point the last is the one that shows. @see proc_pid_mountinfo(5) */
export function parseMountTable(text: string): Map<string, Mounted> {
  const table = new Map<string, Mounted>();
  for (const line of text.split('\n')) {
    const [, , device, root, point, options, ...rest] = line.split(' ');
    if (device === undefined || root === undefined || point === undefined || options === undefined) continue;
    const type = rest[rest.indexOf('-') + 1] ?? '';
    const shown = { root: unescaped(root), point: unescaped(point), device, type };
    table.set(shown.point, { ...shown, readonly: options.split(',').includes('ro') });
  }
  return table;
}

/** Space, tab, newline and backslash are written as octal numbers. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}
