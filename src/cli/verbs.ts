import { formatFlag } from './parse-argv.ts';
import { count, durationMs, positiveCount, secondsMs } from './parse-value.ts';
import { resumeFlags, sessionFlags, toolFlags } from './session-flags.ts';
import { buildVerbs } from './build-verbs.ts';
import { cleanVerb } from './clean-verb.ts';
import { containerVerbs } from './container-verbs.ts';
import { fileVerbs } from './file-verbs.ts';
import { forkVerbs } from './fork-verbs.ts';
import { healthVerb } from './health-verb.ts';
import { tmuxVerbs } from './tmux-verbs.ts';
import { ruleVerbs } from './rule-verbs.ts';
import { monitorVerbs } from './monitor-verbs.ts';
import { snapshotVerbs } from './snapshot-verbs.ts';
import { imageVerbs } from './image-verbs.ts';
import { trustVerb } from './trust-verb.ts';
import type { FlagSpec, VerbSpec } from './verb.ts';

const format = formatFlag('text', 'json');
const files: FlagSpec = {
  flags: '-f, --file <path>',
  about: 'Manifest file, or directory of *.toml files; may be repeated',
  repeatable: true,
};
const wait: FlagSpec = { flags: '--wait', about: 'Wait until it is done' };
const timeout: FlagSpec = {
  flags: '--timeout <duration>',
  about: 'How long to wait at most (default 5m)',
  parse: durationMs,
};
const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];
const plansFail = () => 2;
const withoutController =
  'Where no controller runs, root sees everything; the group incus-admin sees what needs no root,\n' +
  'and the rest as "unknown".';
const rulesNeedRoot = 'Where no controller runs, only root is answered: the rules are in the kernel.';
const planCodes = 'Exit codes: 0 nothing to do, 1 changes, 2 error, 3 saved plan out of date, 4 held by the guard.';

/** All commands, in the order of help. Loaded one by one: a command pays only for what it uses. */
export const verbs: readonly VerbSpec[] = [
  {
    name: 'apply',
    args: '',
    about: 'Make what runs be as declared',
    detail:
      'With -f: store the manifests and carry them out. Without: one pass over all that is declared.\n' +
      'With --dry-run or -p, exit codes are those of "coi diff".',
    example: 'coi apply -f web.toml --wait',
    flags: [
      files,
      { flags: '-p, --plan <file>', about: 'Carry out a plan saved by "coi plan", unless it is out of date' },
      { flags: '--dry-run', about: 'Only show what would be done' },
      wait,
      timeout,
      { flags: '--confirm-deletes <n>', about: 'Let exactly N deletions pass that the guard holds back', parse: count },
      format,
    ],
    failureCode: (options) => (options['dryRun'] === true || options['plan'] !== undefined ? 2 : 1),
    load: async () => (await import('./apply.ts')).apply,
  },
  {
    name: 'diff',
    args: '[name...]',
    about: 'Show what would be done, and why',
    detail: `${planCodes}\n${withoutController}`,
    example: 'coi diff -f web.toml',
    flags: [files, formatFlag('text', 'json', 'patch')],
    failureCode: plansFail,
    load: async () => (await import('./diff.ts')).diff,
  },
  {
    name: 'plan',
    args: '[name...]',
    about: 'Save what would be done, to be carried out later exactly so',
    detail: `${planCodes}\n${withoutController}`,
    example: 'coi plan -o plan.json',
    flags: [{ flags: '-o, --output <file>', about: 'Where to save it' }, format],
    failureCode: plansFail,
    load: async () => (await import('./plan.ts')).plan,
  },
  {
    name: 'list',
    args: '',
    about: 'List the containers',
    detail: withoutController,
    example: 'coi list --format json',
    flags: [{ flags: '--all', about: 'Saved sessions too' }, ...toolFlags, format],
    load: async () => (await import('./list.ts')).list,
  },
  {
    name: 'shell',
    args: '[word...]',
    about: 'Start an agent in a container of its own, in this terminal; also plain "coi"',
    detail:
      'Leave it with Ctrl-b d: it goes on, and "coi attach" goes back. Its end leaves a shell; "exit"\n' +
      'keeps the container, "poweroff" ends it, which deletes it unless it is --persistent.',
    example: 'coi shell --background',
    flags: [
      { flags: '--tool <name>', about: 'The agent: claude, opencode, aider, codex, gemini' },
      { flags: '--background', about: 'Start it and come back at once' },
      { flags: '--debug', about: 'Start bash in place of the agent' },
      { flags: '--no-tmux', about: 'Start it right in this terminal: it ends with it' },
      { flags: '--container <name>', about: 'Show what runs in this container; start none' },
      ...resumeFlags,
      ...sessionFlags,
    ],
    load: async () => (await import('./shell.ts')).shell,
  },
  {
    name: 'attach',
    args: '[name]',
    about: 'Show the agent of a container in this terminal',
    detail: 'Leave it with Ctrl-b d. Without a name: the only container that runs, or a list of them.',
    example: 'coi attach --slot 2',
    flags: [
      { flags: '--bash', about: 'A shell in the workspace in place of the agent' },
      { flags: '--slot <n>', about: 'The container in this slot of the workspace', parse: count },
      { flags: '-w, --workspace <path>', about: 'Whose slot (default the current directory)' },
    ],
    load: async () => (await import('./attach.ts')).attach,
  },
  {
    name: 'info',
    args: '[id]',
    about: 'Say what is known of a saved session; of the last one without an id',
    example: 'coi info --tool opencode',
    flags: [...toolFlags, format],
    load: async () => (await import('./info.ts')).info,
  },
  {
    name: 'run',
    args: '<command...>',
    about: 'Run a command in a container of its own that goes when it ends',
    detail:
      'The words are the program and its arguments; a single one with blanks or other signs of a shell\n' +
      'goes to the shell inside.\n' +
      'Put -- before a command with flags of its own. Its exit code is that of coi; 124: its time was up.',
    example: 'coi run -- npm test',
    flags: [
      { flags: '--capture', about: 'Print the output when the command has ended' },
      {
        flags: '--timeout <time>',
        about: 'When to end the command: seconds, or 90s, 10m (default never)',
        parse: secondsMs,
      },
      ...sessionFlags,
      formatFlag('text', 'pretty', 'json'),
    ],
    load: async () => (await import('./run-command.ts')).runCommand,
  },
  {
    name: 'status',
    args: '[name]',
    about: 'Show sandboxes, sources and host, or everything about one sandbox',
    detail: withoutController,
    example: 'coi status --watch',
    flags: [{ flags: '--watch', about: 'Go on showing it until interrupted' }, format],
    load: async () => (await import('./status.ts')).status,
  },
  {
    name: 'why',
    args: '<name>',
    about: 'Say what holds a sandbox, since when, and what to do about it',
    detail: withoutController,
    example: 'coi why web',
    flags: [format],
    load: async () => (await import('./why.ts')).why,
  },
  {
    name: 'why-denied',
    args: '<name>',
    about: 'Say what a sandbox could not reach, why, and which line would allow it',
    detail: `The kernel keeps a destination for a day after its last packet.\n${rulesNeedRoot}`,
    example: 'coi why-denied web --since 1h',
    flags: [{ flags: '--since <duration>', about: 'Only what was refused in this time', parse: durationMs }, format],
    load: async () => (await import('./why-denied.ts')).whyDenied,
  },
  {
    name: 'policy',
    args: '<name>',
    about: 'Show what a sandbox may reach by what the kernel holds, and who says so',
    detail: `${rulesNeedRoot}\nOf a sandbox called "test": coi policy coi-test`,
    example: 'coi policy web',
    flags: [format],
    load: async () => (await import('./policy.ts')).policy,
  },
  {
    name: 'policy test',
    args: '<name> <destination>',
    about: 'Say whether a sandbox may reach HOST:PORT, without sending anything',
    detail:
      'DESTINATION is HOST:PORT or HOST:PORT/udp; HOST alone means port 443. HOST is a name, an address,\n' +
      'or an IPv6 address in brackets. Names are not looked up.\n' +
      `Exit codes: 0 allowed, 1 refused, 2 error.\n${rulesNeedRoot}`,
    example: 'coi policy test web github.com:22',
    flags: [format],
    failureCode: plansFail,
    load: async () => (await import('./policy-test.ts')).policyTest,
  },
  {
    name: 'events',
    args: '[name]',
    about: 'Show what was done, oldest first',
    detail:
      'Without --since: the last 100. With --format json: one JSON object a line.\n' +
      'Where no controller runs, whoever may read the audit log is answered from it.',
    example: 'coi events web --since 1h --follow',
    flags: [
      { flags: '--since <duration>', about: 'Only what happened in this time', parse: durationMs },
      { flags: '--follow', about: 'Go on as things happen, until interrupted' },
      format,
    ],
    load: async () => (await import('./events.ts')).events,
  },
  ...monitorVerbs,
  {
    name: 'delete',
    args: '[name...]',
    about: 'Delete sandboxes that "coi apply -f" or a session made',
    detail: 'What a file in a watched directory declares is deleted by removing it there.',
    example: 'coi delete web --wait',
    flags: [
      { flags: '--all', about: 'All of them, without sessions of another COI_CONTAINER_PREFIX' },
      wait,
      timeout,
      format,
    ],
    load: async () => (await import('./delete.ts')).deleteSandboxes,
  },
  {
    name: 'kill',
    args: '[name...]',
    about: 'Delete containers of sessions at once, with everything inside',
    detail: 'Asks before it kills several. What a file in a watched directory declares is deleted there.',
    example: 'coi kill coi-1a2b3c4d-1',
    flags: [
      { flags: '--all', about: 'Those of all sessions' },
      { flags: '--force', about: 'Do not ask' },
      { flags: '--no-save', about: 'Do not save what agents left' },
      format,
    ],
    load: async () => (await import('./kill.ts')).kill,
  },
  {
    name: 'shutdown',
    args: '[name...]',
    about: 'Let what runs in containers of sessions end, then delete them',
    detail: 'Asks before it ends several. What a file in a watched directory declares is ended there.',
    example: 'coi shutdown --all --force',
    flags: [
      { flags: '--all', about: 'Those of all sessions' },
      { flags: '--force', about: 'Do not ask' },
      {
        flags: '--timeout <time>',
        about: 'How long it may take before it is forced: seconds, or 90s, 5m (default 60)',
        parse: secondsMs,
      },
      format,
    ],
    load: async () => (await import('./shutdown.ts')).shutdown,
  },
  {
    name: 'persist',
    args: '[name...]',
    about: "Keep containers of sessions when they stop; without names the workspace's",
    example: 'coi persist',
    flags: [
      { flags: '--all', about: 'Those of all sessions' },
      { flags: '--force', about: 'Do not ask' },
      { flags: '-w, --workspace <path>', about: 'Which workspace (default the current directory)' },
      format,
    ],
    load: async () => (await import('./persist.ts')).persist,
  },
  ...fileVerbs,
  {
    name: 'freeze',
    args: '<name...>',
    about: 'Hold sandboxes still until "coi resume"',
    example: 'coi freeze web --reason "looking at its files"',
    flags: [{ flags: '--reason <text>', about: 'Why, for others to read' }, format],
    load: async () => (await import('./freeze.ts')).freeze,
  },
  {
    name: 'resume',
    args: '[name...]',
    about: 'Let frozen and quarantined sandboxes run again; without names all of them',
    example: 'coi resume web',
    flags: [format],
    load: async () => (await import('./resume.ts')).resume,
  },
  {
    name: 'suspend',
    args: '<name...>',
    about: 'Leave sandboxes as they are: nothing but security steps until "--off"',
    example: 'coi suspend web --reason "debugging its network" --until 2h',
    flags: [
      { flags: '--reason <text>', about: 'Why, for others to read' },
      { flags: '--until <duration>', about: 'End by itself after this time', parse: durationMs },
      { flags: '--off', about: 'End it now' },
      format,
    ],
    load: async () => (await import('./suspend.ts')).suspend,
  },
  ...forkVerbs,
  {
    name: 'adopt',
    args: '<name>',
    about: 'Take over a stopped container that coi did not make',
    detail: 'It becomes the one of the sandbox that is declared by this name.',
    example: 'coi adopt web',
    flags: [format],
    load: async () => (await import('./adopt.ts')).adopt,
  },
  ...snapshotVerbs,
  {
    name: 'controller',
    args: '',
    about: 'Be the controller: keep everything as declared, until interrupted',
    example: 'sudo coi controller --source ./desired-state',
    flags: [
      { flags: '--source <dir>', about: 'Directory to read manifests from; may be repeated', repeatable: true },
      { flags: '--workers <n>', about: 'How many sandboxes to work on at once', parse: positiveCount },
      { flags: '--metrics <address>', about: 'Where to serve /metrics, as HOST:PORT; empty for nowhere' },
      { flags: '--state-dir <dir>', about: 'Directory for what is kept' },
      { flags: '--run-dir <dir>', about: 'Directory for socket and lock' },
      { flags: '--log-level <level>', about: `How much to log: ${logLevels.join(', ')}`, choices: logLevels },
    ],
    load: async () => (await import('./controller.ts')).controller,
  },
  cleanVerb,
  ...containerVerbs,
  ...tmuxVerbs,
  {
    name: 'uninstall',
    args: '',
    about: 'Remove every sandbox of this host, the network rules and the block policies',
    detail: 'Stop the controller first. Manifests and state stay; what is not of coi is not touched.',
    example: 'sudo coi uninstall --yes',
    flags: [{ flags: '--yes', about: 'Do not ask' }, format],
    load: async () => (await import('./uninstall.ts')).uninstall,
  },
  ...buildVerbs,
  ...imageVerbs,
  healthVerb,
  trustVerb,
  {
    name: 'validate',
    args: '[path...]',
    about: 'Check manifest files and show everything that is wrong with them',
    detail: 'Without a path: the directories that the controller reads. Needs no controller and no Incus.',
    example: 'coi validate ./desired-state',
    flags: [format],
    load: async () => (await import('./validate.ts')).validate,
  },
  {
    name: 'schema',
    args: '',
    about: 'Print the JSON Schema of manifest files, for editors',
    example: 'coi schema > coi.schema.json',
    flags: [],
    load: async () => (await import('./schema.ts')).schema,
  },
  {
    name: 'audit verify',
    args: '',
    about: 'Check that nobody changed the audit log or a detection log',
    detail: 'With --dir: the log in that directory alone, of either kind.',
    example: 'sudo coi audit verify',
    flags: [{ flags: '--dir <dir>', about: 'Directory of the log' }, format],
    load: async () => (await import('./audit-verify.ts')).auditVerify,
  },
  ...ruleVerbs,
  {
    name: 'completion',
    args: '<shell>',
    about: 'Print what completes command lines: for bash, zsh, fish or powershell',
    detail: 'For bash, in ~/.bashrc: source <(coi completion bash)',
    example: 'coi completion bash > coi.bash',
    flags: [],
    load: async () => (await import('./completion.ts')).completion,
  },
  {
    name: 'version',
    args: '[ignored...]',
    about: 'Show the version',
    example: 'coi version',
    flags: [format],
    load: async () => (await import('./show-version.ts')).showVersion,
  },
  {
    name: 'help',
    args: '[command...]',
    about: 'Show help on coi or on one of its commands',
    example: 'coi help apply',
    flags: [],
    load: async () => {
      throw new Error('help is answered before commands are loaded');
    },
  },
];
