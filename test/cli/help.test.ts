import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseArgv, readArgv } from '../../src/cli/parse-argv.ts';
import { verbs } from '../../src/cli/verbs.ts';
import { version } from '../../src/cli/version.ts';
import { coi } from './peer.ts';

const names = verbs.map(({ name }) => name);

describe('coi --help', () => {
  it('names every command', async () => {
    const { code, stdout, stderr } = await coi(['--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "Runs AI coding agents in isolated Incus containers that files declare.

      Usage:
        coi [FLAGS]
        coi COMMAND [FLAGS]

      Available Commands:
        apply              Make what runs be as declared
        diff               Show what would be done, and why
        plan               Save what would be done, to be carried out later exactly so
        list               List the containers
        shell              Start an agent in a container of its own, in this terminal; also plain "coi"
        attach             Show the agent of a container in this terminal
        info               Say what is known of a saved session; of the last one without an id
        run                Run a command in a container of its own that goes when it ends
        status             Show sandboxes, sources and host, or everything about one sandbox
        why                Say what holds a sandbox, since when, and what to do about it
        why-denied         Say what a sandbox could not reach, why, and which line would allow it
        policy             Show what a sandbox may reach by what the kernel holds, and who says so
        policy test        Say whether a sandbox may reach HOST:PORT, without sending anything
        events             Show what was done, oldest first
        monitor            Show what a sandbox is doing: rates, detections, connections, processes
        monitor audit      Show what was detected of a sandbox, oldest first
        delete             Delete sandboxes that "coi apply -f" or a session made
        kill               Delete containers of sessions at once, with everything inside
        shutdown           Let what runs in containers of sessions end, then delete them
        persist            Keep containers of sessions when they stop; without names the workspace's
        file push          Copy a file or a directory into a container, running or not
        file pull          Copy a file or a directory out of a container, running or not
        freeze             Hold sandboxes still until "coi resume"
        resume             Let frozen and quarantined sandboxes run again; without names all of them
        suspend            Leave sandboxes as they are: nothing but security steps until "--off"
        fork               Make independent copies of a sandbox as it is now
        adopt              Take over a stopped container that coi did not make
        snapshot create    Keep what is on a container's disk now, to go back to it later
        snapshot list      List the snapshots of a container
        snapshot restore   Put the disk of a stopped container back to a snapshot; asks first
        snapshot delete    Delete a snapshot of a container, or all of them
        snapshot info      Say what is known of a snapshot
        controller         Be the controller: keep everything as declared, until interrupted
        clean              Delete stopped containers of sessions, or leftovers that belong to nobody
        container launch   Start a container of this very name, with nothing in it but its image
        container start    Start a container that stands still, whatever stopped it
        container stop     Stop a container; one that is ephemeral goes then
        container delete   Delete a container that is stopped, with its network rules
        container exec     Run a command in any container, as root unless told otherwise
        container exists   Say by the exit code alone whether there is a container of this very name
        container running  Say by the exit code alone whether a container of this very name runs
        container list     List every instance of Incus, whoever made it
        container mount    Show a directory of the host in a container, also while it runs
        tmux send          Type a text, just as it is, and Enter into the session of an agent
        tmux capture       Print what the session of an agent shows
        tmux list          List the running containers that have such a session
        uninstall          Remove every sandbox of this host, the network rules and the block policies
        build              Build images from their definitions
        build custom       Build an image with a script on top of another
        images             Say which images of coi there are
        image list         The same; with --prefix or as JSON, a list of images
        image publish      Make an image of a container as it is now
        image exists       Say by the exit code whether there is an image: 0 or 1
        image delete       Delete an image with all its aliases; containers made from it go on
        image cleanup      Delete old versions of images: aliases that end in -YYYYMMDD-HHMMSS
        health             Check this host, and say what puts each problem right
        trust              Let a project's .coi.toml say what it says now, for you
        validate           Check manifest files and show everything that is wrong with them
        schema             Print the JSON Schema of manifest files, for editors
        audit verify       Check that nobody changed the audit log or a detection log
        rules list         List what sandboxes are watched for
        rules test         Try rules on their own examples
        rules lint         Find what is wrong with files of rules
        completion         Print what completes command lines: for bash, zsh, fish or powershell
        version            Show the version
        help               Show help on coi or on one of its commands

      Flags:
        -h, --help     Show help
        -v, --version  Show the version

      Global Flags:
        -w, --workspace PATH             Directory to mount at /workspace (default the current one)
            --slot N                     Which of the workspace's 10 slots; 0 takes a free one (default)
            --image NAME                 Image to create the container from (default coi)
            --persistent                 Keep the container when it stops
            --profile NAME               Settings of [profiles.NAME]
        -e, --env KEY=VALUE              Environment variable inside; may be repeated
            --mount PAIR                 Another directory to mount, as HOST:PATH-INSIDE; may be repeated
            --storage PATH               Directory to mount at /storage; made if missing
            --network MODE               What it may reach: restricted, open, allowlist, none
            --writable-git-hooks         Protect no path of the workspace: hooks, settings and all others
            --monitor                    Watch it, freeze and end it by itself, whatever the settings say
            --limit-cpu CPUS             How many CPUs, or which: 2, 0-3, 0,1,3
            --limit-cpu-allowance SHARE  CPU time: 50%, 25ms/100ms
            --limit-cpu-priority N       Who goes first when CPUs are short, 0 to 10
            --limit-memory SIZE          Most memory: 2GiB, 50%
            --limit-memory-swap SWAP     Swap: true, false or a size
            --limit-memory-enforce HOW   hard or soft
            --limit-disk-read RATE       Fastest reading: 10MiB/s, 1000iops
            --limit-disk-write RATE      Fastest writing
            --limit-disk-max RATE        Both; wins over the other two
            --limit-disk-priority N      Who goes first when the disk is busy, 0 to 10
            --limit-duration TIME        How long it may run: 2h, 1h30m
            --limit-processes N          Most processes at once; 0 for no limit
            --resume=ID                  Go on with a saved session: this one, or the last one here
            --continue=ID                The same

      They stand before the command or behind it, with shell, run, attach, list, info, kill, shutdown,
      clean, persist, resume, health, build, images, and those of image, container, file, snapshot and
      tmux. One that means nothing to a command changes nothing.

      Example:
        coi
        coi apply -f web.toml --wait
        coi status

      "coi" alone is "coi shell". "coi COMMAND --help" says more about a command.
      "
    `);
  });

  it.each([[['-h']], [['help']], [['--format=json', '--help']]])('is also what %j shows', async (argv) => {
    expect(await coi(argv)).toEqual(await coi(['--help']));
  });

  it('knows the same of one command before, behind and as help', async () => {
    const one = await coi(['apply', '--help']);
    expect(one.stdout).toMatchInlineSnapshot(`
      "Make what runs be as declared.

      With -f: store the manifests and carry them out. Without: one pass over all that is declared.
      With --dry-run or -p, exit codes are those of "coi diff".

      Usage:
        coi apply [FLAGS]

      Flags:
        -f, --file PATH          Manifest file, or directory of *.toml files; may be repeated
        -p, --plan FILE          Carry out a plan saved by "coi plan", unless it is out of date
            --dry-run            Only show what would be done
            --wait               Wait until it is done
            --timeout DURATION   How long to wait at most (default 5m)
            --confirm-deletes N  Let exactly N deletions pass that the guard holds back
            --format FORMAT      How to print: text, json (default text)
        -h, --help               Show help

      Example:
        coi apply -f web.toml --wait
      "
    `);
    expect(await coi(['help', 'apply'])).toEqual(one);
    expect(await coi(['-h', 'apply'])).toEqual(one);
    expect(await coi(['apply', '--nonsense', '-h'])).toEqual(one);
  });

  it('shows what is below a word that is no command by itself', async () => {
    const { code, stdout } = await coi(['audit', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Usage:\n  coi audit COMMAND [FLAGS]');
    expect(stdout).toContain('Available Commands:\n  audit verify  ');
    expect(await coi(['help', 'audit'])).toEqual({ code, stdout, stderr: '' });
  });

  it.each(names)('%s has usage, flags and an example that can be read', async (name) => {
    const { code, stdout } = await coi(['help', ...name.split(' ')]);
    expect(code).toBe(0);
    expect(stdout).toContain(`\nUsage:\n  coi ${name}`);
    expect(stdout).toContain('\nFlags:\n');
    const [, example] = /\nExample:\n {2}(.+)\n/.exec(stdout)!;
    const words = [...example!.matchAll(/"([^"]*)"|[^\s"]+/g)].map((match) => match[1] ?? match[0]);
    const [, ...argv] = words[0] === 'sudo' ? words.slice(1) : words;
    const upTo = argv.indexOf('>');
    const line = readArgv(upTo === -1 ? argv : argv.slice(0, upTo), verbs);
    const invocation = await parseArgv(line, verbs);
    expect(invocation).toMatchObject(name === 'help' ? { kind: 'help' } : { kind: 'call', verb: { name } });
  });

  it('fits into 100 columns', async () => {
    for (const name of ['', ...names]) {
      const { stdout } = await coi(['help', ...name.split(' ').filter(Boolean)]);
      expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(100);
    }
  });
});

describe('coi version', () => {
  it.each([[['version']], [['--version']], [['-v']], [['version', 'whatever', 'follows']]])(
    '%j prints two lines',
    async (argv) => {
      expect(await coi(argv)).toEqual({
        code: 0,
        stdout: `code-on-incus (coi) v${version}\nhttps://github.com/mensfeld/code-on-incus\n`,
        stderr: '',
      });
    },
  );

  it('needs no settings, as completion does', async () => {
    const env = { COI_CONFIG: '/', COI_ETC: '/nowhere', HOME: '/nowhere' };
    expect(await coi(['list'], { env })).toMatchObject({ code: 1, stderr: expect.stringContaining('Cannot read "/"') });
    for (const argv of [['version'], ['completion', 'bash']]) expect((await coi(argv, { env })).code).toBe(0);
  });

  it('is the version of the package', () => {
    const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    expect(version).toBe((JSON.parse(text) as { version: string }).version);
  });
});

describe('a command line that makes no sense', () => {
  it.each([
    { argv: ['lst'], says: ['unknown command "lst"', 'Did you mean list?', 'coi --help'] },
    { argv: ['frobnicate'], says: ['unknown command "frobnicate"', 'coi --help'] },
    { argv: ['help', 'aply'], says: ['unknown command "aply"', 'Did you mean apply?'] },
    { argv: ['list', '--fromat=json'], says: ['unknown flag: --fromat', 'Did you mean --format?', 'coi --help'] },
    { argv: ['list', '-z'], says: ['unknown flag: -z', 'coi --help'] },
    { argv: ['--frmat', 'list'], says: ['unknown flag: --frmat', 'coi --help'] },
    { argv: ['list', 'x'], says: ['list takes no words', 'coi list --help'] },
    { argv: ['why'], says: ['why needs NAME', 'Example: coi why web'] },
    { argv: ['apply', '-f'], says: ['flag needs a value: --file', 'Example: '] },
    { argv: ['list', '--format', 'xml'], says: ['xml', 'text, json', 'coi list --help'] },
    { argv: ['apply', '--wait', '--timeout', 'soon'], says: ['"soon" is no duration', '90s'] },
    { argv: ['apply', '--timeout', '1s'], says: ['--timeout', '--wait'] },
    { argv: ['apply', '-f', 'x', '-p', 'y'], says: ['--file', '--plan'] },
    { argv: ['apply', '--confirm-deletes', '-1'], says: ['"-1" is no count'] },
    { argv: ['controller', '--workers', '0'], says: ['"0" is too small'] },
    { argv: ['plan'], says: ['plan needs the file', 'coi plan -o plan.json'] },
    { argv: ['delete'], says: ['either names or --all'] },
    { argv: ['delete', 'x', '--all'], says: ['either names or --all'] },
    { argv: ['suspend', 'x'], says: ['needs a reason', '--reason'] },
    { argv: ['suspend', 'x', '--off', '--until', '1h'], says: ['--off takes neither'] },
    { argv: ['audit'], says: ['audit verify'] },
    { argv: ['list', '--all=perhaps'], says: ['"perhaps" is no value for --all', 'true or false'] },
    { argv: ['\u001B[31mx'], says: ['unknown command "\\x1b[31mx"'] },
    { argv: ['run', '--timeout', 'soon', 'true'], says: ['"soon" is no duration', '90s'] },
    { argv: ['run'], says: ['run needs COMMAND'] },
    { argv: ['shell', '--container=x', '-e', 'A=b', '--resume'], says: ['with --env, --resume', '--bash'] },
    { argv: ['shell', '--container=x', '--tmux=false', '--background'], says: ['with --background, --tmux=false'] },
    { argv: ['attach', 'x', '--slot=2'], says: ['either a name or a slot'] },
    { argv: ['kill', 'x', '--all'], says: ['either names or --all'] },
    { argv: ['--slot', '11', 'list'], says: ['There is no slot 11'] },
    { argv: ['--slot', '1', 'status'], says: ['unknown flag: --slot', 'coi status --help'] },
    { argv: ['completion', 'tcsh'], says: ['bash, zsh, fish, powershell'] },
  ])('$argv exits with 2 where the original has no such command, else with 1, and says why', async ({ argv, says }) => {
    const { code, stdout, stderr } = await coi(argv);
    const ours = ['why', 'apply', 'controller', 'plan', 'delete', 'suspend', 'audit', 'status'];
    expect({ code, stdout }).toEqual({ code: argv.some((word) => ours.includes(word)) ? 2 : 1, stdout: '' });
    expect(stderr).toMatch(/^coi: /);
    for (const text of says) expect(stderr).toContain(text);
  });
});

describe('src/cli/README.md', () => {
  const text = readFileSync(new URL('../../src/cli/README.md', import.meta.url), 'utf8');
  const silent = ['controller', 'help', 'schema'];

  it.each(names.filter((name) => !silent.includes(name)))('documents the JSON of %s', (name) => {
    expect(text).toContain(`**${name}**`);
  });
});
