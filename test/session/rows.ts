import { containerRows } from './rows-container.ts';
import { snapshotRows } from './rows-snapshot.ts';
import { buildRows } from './rows-build.ts';
import { definitionRows } from './rows-definitions.ts';
import { imageRows } from './rows-images.ts';
import { fileRows } from './rows-files.ts';

/** Tests that prove one promise. */
export interface Proof {
  /** Below test/. */
  readonly file: string;
  /** As the tests are called. */
  readonly tests: readonly string[];
}

const run = 'session/run.lab.test.ts';
const slots = 'session/slots.lab.test.ts';
const shell = 'session/shell.lab.test.ts';
const declared = 'session/declared-agents.lab.test.ts';
const ends = 'session/ends.lab.test.ts';
const starts = 'session/agent-start.test.ts';
const script = 'cli/completion.test.ts';
const bedrock = 'cli/require-bedrock.test.ts';
const resume = 'session/resume.lab.test.ts';

const streams = 'passes streams and the exit code through, and leaves nothing behind';
const asUser = 'runs as the code user in the workspace, with an environment of its own';
const byEnv = 'hands over values of --env as they are, by no command line and no file';
const around = 'takes its flags before and after it';
const layers = 'reads settings, environment, profile and flags one above the other';
const same = 'lives by the same rules, limits and mounts as any sandbox';
const unenforceable =
  'has a limit that shows on the container, or is told that the host cannot enforce it, and leaves nothing';
const refusals = 'refuses mounts, modes and limits that make no sense, all of them at once';
const kept = 'keeps a persistent container stopped, and goes on in it when asked for its slot';
const output = 'prints the output at the end, or as JSON';
const many = 'deletes one, several or all, with their rules, and asks before it deletes several';
const duration = 'may run no longer than its limit, whoever looks';
const race = 'go to exactly one of many who start at once; those for whom none is left are told';
const order = 'are given out lowest first, and the next free one where the wanted one is taken';

const backAndForth = 'is what coi does without a command: an agent in tmux, left and gone back to';
const unseen = 'starts in the background, takes slot after slot, and is found by attach';
const otherwise = 'starts bash in place of the agent, or the agent without tmux';
const afterAgent =
  'drops to a shell when the agent ends; exit keeps the container, attach says what there is and what became of it';
const poweroff = 'is over with poweroff inside: an ephemeral container goes, a persistent one stays, and goes on later';
const signals = 'goes on when its terminal goes away, and ends its part on signals';
const nothingLeft = 'leaves nothing when it is called off before it runs, or cannot run';
const asTyped = 'hands over values of --env as they are, and nothing of the host';
const noWords = 'shows a container that there is, and takes no words';

const paths = 'session/paths.lab.test.ts';
const protectedPaths = 'controller/protected-paths.lab.test.ts';
const asAny = 'is protected as in any sandbox, unless hooks are to be writable';
const told = 'protects what it is told to, or nothing';
const fromFile =
  'starts without a terminal on what it is to do, with the credentials of the owner of the file, and is joined';
const inOrder = 'lets what runs inside end, then deletes the container with its rules';
const inTime = 'forces what does not end in time, and goes on when nobody waits for it any more';
const asksFirst = 'asks before it ends several, and knows none, some and all';
const keeps = 'keeps the containers of a workspace, of names or of all when they stop';

const goesOn = 'is saved when its container is powered off, as its owner, and goes on in a new one';
const everyEnd = 'is saved on shutdown, on kill and when its command line is gone; not with --no-save';
const ofWorkspace = 'belongs to its workspace, also by its id, and knows when there is none';
const sameContainer = 'keeps its mode and its container: a persistent one goes on where it stopped';
const cleaned = 'goes with coi clean --sessions, and only then';
const allMissing = 'keeps a session from starting by all that is missing, with what to do about each';

const help = 'cli/help.test.ts';
const noSense = '$argv exits with 2 where the original has no such command, else with 1, and says why';
const asked = 'session/asked-settings.test.ts';
const fileOrder =
  "comes from files in their order: the host's, the user's, the project's, the one that COI_CONFIG names";
const mountLayers = 'has the mounts of all files, and that of the command line where it has the same path inside';
const orphans = 'controller/orphans.lab.test.ts';
const oneByOne = 'in firewalld: its rules for dead addresses go, one by one, and nothing else';
const health = 'cli/health.test.ts';
const neighbours = 'network/neighbours.lab.test.ts';
const tools = 'session/tools/tools.test.ts';
const save = 'session/save/save-session.lab.test.ts';

function proven(file: string, ...tests: string[]): Proof {
  return { file, tests };
}

/** How many promises of each letter there are in the list of what the original does: their numbers begin at 01. */
export const counts = {
  G: 21,
  S: 25,
  R: 12,
  U: 10,
  A: 5,
  L: 7,
  K: 15,
  C: 14,
  M: 12,
  B: 5,
  D: 7,
  H: 8,
  O: 4,
  T: 10,
  X: 3,
  P: 6,
  I: 14,
  F: 3,
} as const;

/** Promises of a session, by their numbers in the list of what the original does, and what proves each of them here. */
export const rows: Readonly<Record<string, Proof | readonly Proof[]>> = {
  ...containerRows,
  ...snapshotRows,
  ...definitionRows,
  ...imageRows,
  ...buildRows,
  ...fileRows,
  'G-01': proven(shell, backAndForth),
  'G-06': proven(script, 'works in bash: commands, what is below them, and flags, also behind other flags'),
  'G-07': [proven(run, around), proven('cli/global-flags.test.ts', 'may stand before $name and behind it')],
  'G-08': proven(resume, goesOn),
  'G-09': proven(run, around, 'names a workspace by its path as it was given, and mounts what it leads to'),
  'G-10': proven(run, around),
  'G-11': proven(shell, poweroff),
  'G-12': proven(run, layers),
  'G-13': proven(run, 'runs in a system with systemd, too'),
  'G-14': proven(run, byEnv),
  'G-15': proven(run, same),
  'G-16': proven(run, same, refusals),
  'G-17': [
    proven('spec/monitoring.test.ts', 'is all on for who asks for it on the command line'),
    proven(
      'monitor/monitor-command.lab.test.ts',
      'finds the container of the workspace, which --monitor watches whatever the settings say',
    ),
  ],
  'G-18': proven(paths, asAny),
  'G-19': proven(run, same, unenforceable, duration),
  'G-20': proven(run, same),
  'G-21': proven(slots, many),
  'S-01': proven(shell, backAndForth),
  'S-02': proven(shell, unseen),
  'S-03': proven(shell, otherwise),
  'S-04': proven(shell, otherwise),
  'S-05': proven(shell, 'takes another agent for once, and knows those that there are'),
  'S-06': proven(shell, noWords),
  'S-07': proven(shell, noWords),
  'S-08': proven(shell, afterAgent),
  'S-09': proven(shell, afterAgent),
  'S-10': proven(shell, backAndForth),
  'S-11': proven(resume, goesOn),
  'S-12': proven(shell, poweroff),
  'S-13': [
    proven(shell, poweroff),
    proven('image/coi-image.lab.test.ts', 'is left by poweroff without sudo', 'is left by poweroff without sudo, too'),
  ],
  'S-14': proven(shell, signals, nothingLeft),
  'S-15': proven(shell, poweroff),
  'S-16': proven(shell, asTyped),
  'S-17': proven(shell, asTyped),
  'S-18': proven(shell, asTyped),
  'S-19': proven(resume, goesOn),
  'S-20': proven(slots, race, order),
  'S-21': proven(slots, order),
  'S-22': proven(shell, unseen),
  'S-23': proven(slots, race),
  'S-24': proven(slots, 'are free again when what stopped in them by itself is gone'),
  'S-25': proven(shell, nothingLeft),
  'R-01': proven(resume, goesOn),
  'R-02': proven(resume, goesOn, ofWorkspace),
  'R-03': proven(resume, ofWorkspace),
  'R-04': proven(resume, sameContainer),
  'R-05': proven(resume, sameContainer),
  'R-06': proven(resume, goesOn),
  'R-07': proven(resume, goesOn),
  'R-08': proven(resume, goesOn),
  'R-11': proven(resume, goesOn, everyEnd, 'of a dropped file is saved when the file is gone'),
  'L-03': proven(resume, goesOn, cleaned),
  'L-04': proven(resume, goesOn),
  'L-06': proven(resume, goesOn),
  'A-01': proven(shell, unseen),
  'A-02': proven(shell, unseen),
  'A-03': proven(shell, afterAgent),
  'A-04': proven(shell, afterAgent),
  'A-05': proven(shell, noWords),
  'U-01': proven(run, streams),
  'U-02': proven(run, asUser, 'runs in a system with systemd, too'),
  'U-03': proven(run, streams),
  'U-04': proven(run, kept),
  'U-05': proven(run, output),
  'U-06': proven(run, output),
  'U-07': proven(run, 'ends a command whose time is up with an exit code of its own'),
  'U-08': proven(run, 'takes one quoted line or a list of words'),
  'U-09': proven(paths, asAny),
  'U-10': proven(run, 'says what is missing'),
  'C-09': proven(paths, 'belongs to the user inside, whatever his number is'),
  'C-11': proven(paths, 'keeps its path where that is wanted, but not over what the system has'),
  'C-14': proven(paths, 'may take, and give only what somebody trusts: by its lines, and until they change'),
  'D-01': proven(protectedPaths, 'are read-only and readable'),
  'D-02': proven(protectedPaths, told),
  'D-03': proven(protectedPaths, told),
  'D-04': proven(
    protectedPaths,
    'mounts nothing foreign for a link, and protects the rest',
    'is a worktree of a repository elsewhere',
  ),
  'D-05': proven(protectedPaths, 'leave the rest of the repository to git'),
  'D-06': proven(protectedPaths, 'has no repository yet: none can be made inside'),
  'D-07': proven(
    protectedPaths,
    'is noticed: a sandbox that puts something else in the place of a path is held still',
    'is put right: with its device gone it starts again',
  ),
  'K-01': proven(slots, many),
  'K-02': proven(slots, many),
  'K-03': proven(slots, many),
  'K-04': proven(slots, many),
  'M-01': proven(paths, 'has the same owners inside and outside'),
  'M-02': proven(paths, 'is not shifted where the settings say so, or the host is a machine of Lima'),
  'K-05': proven(ends, inOrder, inTime),
  'K-06': proven(resume, everyEnd),
  'K-07': proven(ends, asksFirst),
  'K-08': proven(ends, inOrder),
  'K-09': proven(ends, 'deletes what is stopped, not what runs, and what is persistent only when told all'),
  'K-10': proven(resume, cleaned),
  'K-13': proven(ends, keeps),
  'K-14': proven(ends, keeps),
  'K-15': proven(ends, 'lets what was frozen run again, by name of container or all, and says what is not'),
  'C-12': proven(starts, 'copies the credentials of an agent that asks, and does not let it go on unasked'),
  'C-13': proven(starts, 'copies the files that the agent needs, by name, and nothing beside them'),
  'B-01': proven(bedrock, allMissing, 'ends coi shell with exit code 1 before anything is declared'),
  'B-02': proven(declared, fromFile),
  'B-03': proven(declared, fromFile),
  'B-04': proven(declared, fromFile),
  'M-03': proven(run, refusals),
  'M-04': proven(run, refusals),
  'M-07': proven(run, 'puts /tmp in memory where a size is set'),
  'M-09': proven(run, same),
  'O-04': proven(shell, backAndForth),
  'M-10': proven(run, refusals),
  'B-05': [
    proven(tools, '%s with %j', 'let opencode ask or not, and keep its data, logins among them, out of the workspace'),
    proven(shell, 'takes another agent for once, and knows those that there are'),
  ],
  'C-01': [proven(asked, 'is what the highest layer says that says anything', fileOrder), proven(run, layers)],
  'C-02': [
    proven(asked, 'is what the highest layer says that says anything', fileOrder),
    proven('cli/offline.test.ts', 'come from COI_CONFIG as well, and are warned of where it is not there'),
  ],
  'C-03': proven(asked, 'is nothing where a file cannot be read as TOML, which is named with its line'),
  'C-04': proven(asked, 'keeps switches of lower files that higher ones do not speak of'),
  'C-05': proven(asked, mountLayers),
  'C-06': [
    proven(asked, mountLayers),
    proven('spec/parse-manifests.test.ts', '~ as the home of the owner, and paths without detours'),
  ],
  'C-07': proven(
    asked,
    'is what variables say about image, persistence and limits',
    'has the directories made that settings and variables name',
  ),
  'C-08': [
    proven(
      asked,
      'is what the sections defaults, tool and incus say',
      'has the directories made that settings and variables name',
    ),
    proven('spec/every-key.test.ts', '$name'),
    proven(starts, 'takes nothing of the home directory where it is not to, and does not miss it'),
    proven(tools, '%s with %j', 'of $name starts another binary, and hands a prompt over as one word'),
    proven(paths, 'belongs to the user inside, whatever his number is'),
  ],
  'C-10': [
    proven(
      asked,
      'is what a profile says about image, persistence, tool, limits and network, over the limits of the settings',
      'has the variables of the profile, below those that are typed, and no manifest holds them',
    ),
    proven(run, layers),
  ],
  'G-02': proven(
    'deploy/links.test.ts',
    'called $name says so in its usage: $argv',
    'is both names, once, and goes again',
  ),
  'G-03': proven(help, '%s has usage, flags and an example that can be read'),
  'G-04': proven(help, noSense),
  'G-05': proven(help, '%j prints two lines', 'needs no settings, as completion does', 'is the version of the package'),
  'K-11': [
    proven(orphans, 'are found and removed by a controller that runs', oneByOne),
    proven('cli/clean.test.ts', 'lists with reasons and removes nothing with --dry-run'),
  ],
  'K-12': proven(orphans, oneByOne),
  'L-01': proven('cli/reading.test.ts', 'lists containers, also those that stand still'),
  'L-02': proven(
    'cli/reading.test.ts',
    'lists containers, also those that stand still',
    'keeps the fields that scripts know in JSON',
  ),
  'L-05': proven(help, noSense),
  'M-11': [
    proven(run, duration),
    proven(
      'plan/plan.test.ts',
      'stops, and is what keeps it stopped',
      'asks what runs inside to end, unless told not to',
    ),
    proven('spec/settings.test.ts', 'takes a longest running time that stops nothing for none'),
  ],
  'R-09': [
    proven(save, 'comes back in another container as it was: content, links, permissions, times, owner', 'on $disk'),
    proven('session/save/saved-sessions.test.ts', 'removes a session and leaves what its links lead to'),
  ],
  'R-10': proven('session/save/saved-sessions.test.ts', 'lists what was noted, the last first, each tool its own'),
  'R-12': proven(
    'session/save/metadata.test.ts',
    'metadata is read as it was written, whatever the workspace is called',
    'metadata has the fields of the original',
    'a text that was cut off, or of another session, is none',
  ),
  'H-01': [
    proven(health, 'prints what it found by groups in their order, and how it is in all'),
    proven('health/run-checks.test.ts', 'shows each problem with what puts it right, and details when asked'),
  ],
  'H-02': proven(health, 'has the same as JSON'),
  'H-03': [
    proven(health, 'is $code for $status, as text and as JSON'),
    proven('health/run-checks.test.ts', 'are $status'),
    proven(neighbours, 'is healthy, and the sandbox reaches what it should'),
  ],
  'H-04': proven(health, 'makes more checks with --verbose, and shows more'),
  'H-05': proven('health/thresholds.test.ts', 'of $bytes bytes is $status', '$what is $status'),
  'H-06': [
    proven(
      'health/trial.lab.test.ts',
      'that reaches what it should and nothing else, and leaves nothing',
      'and says what it does not reach, and what it reaches but should not',
    ),
  ],
  'H-07': proven('health/machine-checks.test.ts', '$text is $status', 'that others do not find may be where root does'),
  'H-08': [
    proven('health/thresholds.test.ts', 'are worth a warning from the first one, with what removes them'),
    proven(orphans, 'are found and removed by a controller that runs'),
  ],
  'L-07': proven('cli/info.test.ts', 'knows the sessions of every agent by their own data, and how to go on with them'),
  'M-12': [
    proven(
      'cli/prefix.test.ts',
      'has its own sessions in lists, beside what files declare',
      'is in the name of the slot that is attached to',
      'is what commands mean by all, and by a workspace',
      'resumes its own, and what files declare',
    ),
    proven(slots, 'of another prefix are others, in every command'),
  ],
  'O-01': [
    proven(
      'deploy/dry-run.test.ts',
      'knows the distribution $release',
      'refuses $name, and says how it is done by hand',
      'names the packages that are missing, Incus among them, and that Incus is to be started',
      'takes a storage pool that can clone, or makes one: $pools',
    ),
    proven('deploy/neighbours.lab.test.ts', 'says what it would do, and does nothing'),
    proven('cli/spawned.test.ts', 'a user who may not use Incus is told which group may'),
  ],
  'O-03': [
    proven('health/machine-checks.test.ts', 'names $what'),
    proven(paths, 'is not shifted where the settings say so, or the host is a machine of Lima'),
  ],
};

/** Promises that no test proves yet, and what is missing. */
export const later: Readonly<Record<string, string>> = {
  'O-02': 'replaced: only the controller, which is root, touches nft',
};
