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
const afterAgent = 'drops to a shell when the agent ends; exit keeps the container, and attach says what there is';
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

function proven(file: string, ...tests: string[]): Proof {
  return { file, tests };
}

/** Promises of a session, by their numbers in the list of what the original does, and what proves each of them here. */
export const rows: Readonly<Record<string, Proof>> = {
  'G-01': proven(shell, backAndForth),
  'G-06': proven(script, 'works in bash: commands, what is below them, and flags, also behind other flags'),
  'G-07': proven(run, around),
  'G-08': proven(resume, goesOn),
  'G-09': proven(run, around, 'names a workspace by its path as it was given, and mounts what it leads to'),
  'G-10': proven(run, around),
  'G-11': proven(shell, poweroff),
  'G-12': proven(run, layers),
  'G-13': proven(run, 'runs in a system with systemd, too'),
  'G-14': proven(run, byEnv),
  'G-15': proven(run, same),
  'G-16': proven(run, same, refusals),
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
  'S-13': proven(shell, poweroff),
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
};
