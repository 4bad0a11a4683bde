/** What the manifests say at one time: sandbox name (without the plan's prefix) to lines of its table. */
export type Phase = Readonly<Record<string, readonly string[]>>;

/** A way through declared states and back to nothing. */
export interface Workload {
  readonly name: string;
  readonly phases: readonly Phase[];
}

const absent = { one: ['state = "absent"'] };

function one(...lines: readonly string[]): Phase {
  return { one: lines };
}

const five = ['one', 'two', 'three', 'four', 'five'];

function all(names: readonly string[], ...lines: readonly string[]): Phase {
  return Object.fromEntries(names.map((name) => [name, lines]));
}

const recreatable = 'policy.allow = "recreate"';

/** What plans are about. Every way ends where it began, so that a second one finds a clean host. */
export const workloads: readonly Workload[] = [
  { name: 'life', phases: [one(), absent] },
  {
    name: 'config',
    phases: [
      one('limits.runtime.max_processes = 64'),
      one('limits.runtime.max_processes = 96'),
      one('limits.runtime.max_processes = 64'),
      absent,
    ],
  },
  { name: 'power', phases: [one(), one('state = "frozen"'), one(), one('state = "stopped"'), one(), absent] },
  {
    name: 'recreate',
    phases: [one(recreatable), one(recreatable, 'image = "busybox-next"'), one(recreatable), absent],
  },
  {
    name: 'network',
    phases: [
      one('network.mode = "none"'),
      one('network.mode = "restricted"'),
      one('network.mode = "open"'),
      one('network.mode = "none"'),
      absent,
    ],
  },
  { name: 'lifetime', phases: [one('lifetime.ttl = "60s"'), one('lifetime.ttl = "1s"'), absent] },
  {
    name: 'chain',
    phases: [{ one: [], two: ['depends_on = ["one"]'] }, all(['one', 'two'], 'state = "absent"')],
  },
  { name: 'five', phases: [all(five), all(five, 'state = "absent"')] },
];

/** Deletion by absence has a grace of ten seconds: too slow for every plan, so only some take this way. */
export const slowWorkloads: readonly Workload[] = [{ name: 'prune', phases: [one(), {}] }];

export function workloadNamed(name: string): Workload {
  const found = [...workloads, ...slowWorkloads].find((each) => each.name === name);
  if (!found) throw new Error(`There is no workload ${name}`);
  return found;
}

/** The manifest file of one phase. Names are the plan's own, so that no plan sees another's history. */
export function manifestText(phase: Phase, prefix: string): string {
  const tables = Object.entries(phase).map(([name, lines]) => {
    const image = lines.some((line) => line.startsWith('image')) ? [] : ['image = "busybox"'];
    const own = [...image, ...lines].map((line) => line.replace('depends_on = ["', `depends_on = ["${prefix}`));
    return [`[sandbox.${prefix}${name}]`, ...own].join('\n');
  });
  return ['apiVersion = "coi/v1"', ...tables, ''].join('\n');
}

let count = 0;

/**
 * A prefix for the sandboxes of one run that no other run on this machine has: labs share their control groups, so two
 * containers of one name get in each other's way.
 */
export function nextPrefix(): string {
  return `p${process.pid}${String((count += 1)).padStart(4, '0')}-`;
}
