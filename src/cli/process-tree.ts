/** What a tree needs to know of a process. */
export interface TreeProcess {
  readonly pid: number;
  readonly ppid: number;
}

/** A process with its place in the tree. */
export interface Branch<Process extends TreeProcess> {
  readonly process: Process;
  /** What stands in front of it: `│  └─ `. */
  readonly stem: string;
}

/** Deeper ones stand as far in as this. */
const deepest = 12;

/**
 * Processes as a tree, parents before their children, each once, whatever their numbers say about each other.
 *
 * @param most how many are shown; those that weigh most are, with their parents
 * @param weight how much somebody wants to see one
 */
export function processTree<Process extends TreeProcess>(
  processes: readonly Process[],
  most: number,
  weight: (process: Process) => number,
): readonly Branch<Process>[] {
  return branches(heaviest(processes, most, weight));
}

function heaviest<Process extends TreeProcess>(
  processes: readonly Process[],
  most: number,
  weight: (process: Process) => number,
): readonly Process[] {
  if (processes.length <= most) return processes;
  const byPid = new Map(processes.map((each) => [each.pid, each]));
  const kept = new Set<Process>();
  for (const process of processes.toSorted((a, b) => weight(b) - weight(a) || b.pid - a.pid)) {
    const missing = lineOf(process, byPid).filter((each) => !kept.has(each));
    if (kept.size + missing.length <= most) for (const each of missing) kept.add(each);
  }
  return processes.filter((each) => kept.has(each));
}

/** A process and those above it, up to one that there is not. */
function lineOf<Process extends TreeProcess>(process: Process, byPid: ReadonlyMap<number, Process>): Process[] {
  const line = new Set<Process>();
  for (let at: Process | undefined = process; at && !line.has(at); at = byPid.get(at.ppid)) line.add(at);
  return [...line];
}

function branches<Process extends TreeProcess>(processes: readonly Process[]): Branch<Process>[] {
  const sorted = processes.toSorted((a, b) => a.pid - b.pid);
  const pids = new Set(sorted.map(({ pid }) => pid));
  const children = Map.groupBy(sorted, ({ ppid }) => ppid);
  const seen = new Set<Process>();
  const tree: Branch<Process>[] = [];
  const grow = (process: Process, stem: string, below: string): void => {
    if (seen.has(process)) return;
    seen.add(process);
    tree.push({ process, stem });
    const own = (children.get(process.pid) ?? []).filter((each) => !seen.has(each));
    const isDeep = below.length >= deepest * 3;
    for (const [index, child] of own.entries()) {
      const isLast = index === own.length - 1;
      grow(child, `${below}${isLast ? '└─ ' : '├─ '}`, isDeep ? below : `${below}${isLast ? '   ' : '│  '}`);
    }
  };
  for (const process of sorted) if (!pids.has(process.ppid) || process.ppid === process.pid) grow(process, '', '');
  // Read while numbers were given anew, they may be each other's parents.
  for (const process of sorted) grow(process, '', '');
  return tree;
}
