/** One run of a workload with one fault. */
export interface ChaosPlan {
  readonly workload: string;
  /** When: `w3` third write, `r5` fifth read, `e2` second event, `p1` beginning of the first phase. */
  readonly index: string;
  readonly fault: string;
  /** Decides everything else about the fault. */
  readonly seed: number;
}

/** Text by which a plan is run again: `COI_CHAOS_PLAN=life:w2:crash-after:7`. */
export function planText({ workload, index, fault, seed }: ChaosPlan): string {
  return `${workload}:${index}:${fault}:${seed}`;
}

export function parsePlan(text: string): ChaosPlan {
  const [, workload, index, fault, seed] = /^([\w-]+):([wrep]\d+):([\w-]+):(\d+)$/.exec(text) ?? [];
  if (!workload || !index || !fault) throw new Error(`Not a plan, expected workload:index:fault:seed, is ${text}`);
  return { workload, index, fault, seed: Number(seed) };
}
