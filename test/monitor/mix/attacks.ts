import type { Match, Response } from '../../../src/monitor/detection.ts';
import { loadRules } from '../../../src/monitor/rules/load-rules.ts';

/** Something that a rule has to see, and what has to follow. */
export interface Attack {
  readonly rule: string;
  /** Program and words. */
  readonly argv: readonly string[];
  readonly response: Response;
}

/** These tell of a process by what it does: at once, whatever the sandbox did before. */
const atOnce = new Set(['exec', 'stdio', 'file', 'call']);

/** What the network is watched for, with the one program for it that even the small image has. */
const connections: readonly (readonly [rule: string, script: string])[] = [
  ['network.command-port', 'nc -w 1 203.0.113.10 4444 </dev/null'],
  ['network.suspicious-port', 'nc -w 1 203.0.113.10 31337 </dev/null'],
  ['network.chat-port', 'nc -w 1 203.0.113.10 6667 </dev/null'],
  ['network.metadata', 'nc -w 1 169.254.169.254 80 </dev/null'],
  ['network.private-refused', 'nc -w 1 192.168.77.7 80 </dev/null'],
];

/** What the rules themselves say must trigger them, and connections, for what an image has. */
export async function attacksWith(programs: ReadonlySet<string>): Promise<Attack[]> {
  const { rules, problems } = await loadRules({ directories: [] });
  if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join('\n'));
  const isSmall = programs.has('busybox');
  const own = rules.rules.flatMap(({ about, event, attack, enabled, rate }) => {
    if (!attack || !enabled || rate || !atOnce.has(event)) return [];
    if (attack.needs?.some((name) => !programs.has(name))) return [];
    const argv = 'argv' in attack ? attack.argv : ['sh', '-c', attack.script];
    // Its shell does the work of most programs itself, and no program that could be seen is started.
    return event === 'exec' && isSmall ? [] : [attackOf(about, argv)];
  });
  const byId = new Map(rules.rules.map((rule) => [rule.about.id, rule]));
  const others = connections.map(([id, script]) => attackOf(byId.get(id)!.about, ['sh', '-c', script]));
  return programs.has('nc') ? [...own, ...others] : own;
}

function attackOf(about: Match['rule'], argv: readonly string[]): Attack {
  return { rule: about.id, argv, response: responseOf(about) };
}

/** What has to follow by default, as it is documented. */
function responseOf({ severity, response, maturity }: Match['rule']): Response {
  const wanted = response ?? ({ info: 'log', warning: 'alert', high: 'freeze', critical: 'kill' } as const)[severity];
  return maturity === 'stable' || wanted === 'log' ? wanted : 'alert';
}

/** Responses of all rules, by their ids. */
export async function responsesByRule(): Promise<ReadonlyMap<string, Response>> {
  const { rules } = await loadRules({ directories: [] });
  return new Map(rules.rules.map(({ about }) => [about.id, responseOf(about)]));
}

/** Whether a response holds a sandbox until somebody lets it go. */
export function holds(response: Response): boolean {
  return response === 'network' || response === 'freeze' || response === 'kill';
}
