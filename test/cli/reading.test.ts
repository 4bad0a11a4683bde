import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Problem } from '../../src/base/problem.ts';
import { coi, openPeer, type Peer } from './peer.ts';
import { ago, api, db, denials, host, image, now, plans, policy, refusal, source, status, web } from './reports.ts';

let peer: Peer;
beforeAll(async () => {
  peer = await openPeer();
});
afterAll(() => peer[Symbol.asyncDispose]());

const pipe = (...argv: string[]) => coi(argv, { env: peer.env });
const terminal = (...argv: string[]) => coi(argv, { env: peer.env, terminal: 80 });

/** Names colours, so that a golden text can be read. */
const named = (text: string) =>
  text.replaceAll('\u001B[', '‹').replaceAll(/‹(\d+)m/g, (_, code: string) => `‹${code}›`);

describe('coi list', () => {
  it('lists containers, also those that stand still', async () => {
    const { code, stdout, stderr } = await pipe('list');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "Active Containers:
        coi-db (persistent)
          Status: Frozen
          Created: 2026-03-01 08:58:00
          Image: coi
          Workspace: /home/ann/code/shop
        coi-web (ephemeral)
          Status: Running
          IPv4: 10.77.0.12
          Created: 2026-03-01 08:58:00
          Image: coi
          Workspace: /home/ann/code/shop
      "
    `);
  });

  it('is the same on a terminal', async () => {
    expect(await terminal('list')).toEqual(await pipe('list'));
  });

  it('has a heading of its own for saved sessions', async () => {
    expect((await pipe('list', '--all')).stdout).toMatch(/\n\nSaved Sessions:\n {2}\(none\)\n$/);
  });

  it('says so when there is none', async () => {
    await using empty = await openPeer({ status: async () => ({ ...status, sandboxes: [api] }) });
    expect((await coi(['list'], { env: empty.env })).stdout).toBe('Active Containers:\n  (none)\n');
    const { stdout } = await coi(['list', '--format', 'json'], { env: empty.env });
    expect(JSON.parse(stdout)).toEqual({ active_containers: [] });
  });

  it('keeps the fields that scripts know in JSON', async () => {
    const { stdout } = await pipe('--format=json', 'list');
    expect(JSON.parse(stdout)).toEqual({
      active_containers: [
        expect.objectContaining({ name: 'coi-db', status: 'Frozen', ipv4: '', persistent: true }),
        {
          name: 'coi-web',
          status: 'Running',
          created_at: '2026-03-01 08:58:00',
          image: 'coi',
          persistent: false,
          ipv4: '10.77.0.12',
          workspace: '/home/ann/code/shop',
          sandbox: 'web',
          phase: 'Current',
          ready: true,
          source: 'directory:/etc/coi/desired',
          network: 'restricted',
          ipv6: 'fd42::12',
        },
      ],
    });
  });
});

describe('coi status', () => {
  it('shows everything at a glance', async () => {
    expect((await pipe('status')).stdout).toMatchInlineSnapshot(`
      "SANDBOX  PHASE       STATE    READY  AGE    MESSAGE
      api      Failed      absent   no            Image "coi-full" is not on this host
      db       InProgress  frozen   no     3h 2m  limits.memory was changed by hand
      web      Current     running  yes    3h 2m  It is as declared

      IMAGE  STATE     BUILT   MESSAGE
      tools  Building  7d ago  Its schedule says so

      READ     SANDBOXES  AGE      SOURCE
      partial  3          12s ago  /etc/coi/desired
        /etc/coi/desired/bad.toml:4:1: unknown key "imgae". Did you mean "image"?

      Host: controller running (v0.1.0), network ready, Incus up, metrics http://127.0.0.1:9477/metrics
        Not ours: coi-old (it carries no stamp)
        Left over, about to be removed: coi0123abc
      "
    `);
  });

  it('colours and fits on a terminal', async () => {
    const { stdout } = await terminal('status');
    expect(named(stdout)).toMatchInlineSnapshot(`
      "SANDBOX  PHASE       STATE    READY  AGE    MESSAGE
      api      ‹31›Failed‹39›      absent   no            Image "coi-full" is not on this host
      db       ‹33›InProgress‹39›  frozen   no     3h 2m  limits.memory was changed by hand
      web      ‹32›Current‹39›     running  yes    3h 2m  It is as declared

      IMAGE  STATE     BUILT   MESSAGE
      tools  ‹33›Building‹39›  7d ago  Its schedule says so

      READ     SANDBOXES  AGE      SOURCE
      ‹31›partial‹39›  3          12s ago  /etc/coi/desired
        /etc/coi/desired/bad.toml:4:1: unknown key "imgae". Did you mean "image"?

      Host: controller running (v0.1.0), network ‹32›ready‹39›, Incus ‹32›up‹39›, metrics http://127.0.0.1:9477/metrics
        Not ours: coi-old (it carries no stamp)
        Left over, about to be removed: coi0123abc
      "
    `);
  });

  it('shortens messages to the width of the terminal, and nowhere else', async () => {
    const message = 'It waits '.repeat(30);
    await using long = await openPeer({ status: async () => ({ ...status, sandboxes: [{ ...web, message }] }) });
    const { stdout } = await coi(['status'], { env: { ...long.env, NO_COLOR: '1' }, terminal: 80 });
    const [, line] = stdout.split('\n');
    expect(line).toHaveLength(80);
    expect(line).toMatch(/…$/);
    expect((await coi(['status'], { env: long.env })).stdout).toContain(message.trimEnd());
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('is plain on a terminal with %j', async (env) => {
    const { stdout } = await coi(['status'], { env: { ...peer.env, ...env }, terminal: 80 });
    expect(stdout).not.toContain('\u001B');
  });

  it('tells what is held back, and how to let it go on', async () => {
    await using held = await openPeer({ status: async () => ({ ...status, host: { ...host, held: ['y', 'x'] } }) });
    expect((await coi(['status'], { env: held.env })).stdout).toContain(
      '  Held back: 2 deletions (x, y). If meant: coi apply --confirm-deletes 2\n',
    );
  });

  it('shows all of one sandbox, by its name or its instance', async () => {
    const { stdout } = await pipe('status', 'db');
    expect(stdout).toMatchInlineSnapshot(`
      "db (coi-db)
        Phase:       InProgress
        Ready:       no, limits.memory was changed by hand
        State:       frozen, declared running
        Declared in: /etc/coi/desired/db.toml:3
        Source:      directory:/etc/coi/desired
        Image:       coi
        Workspace:   /home/ann/code/shop
        Persistent:  yes
        Network:     restricted
        Addresses:   10.77.0.13, fd42::12
        Agent:       running
        Created:     2026-03-01T08:58:00Z (3h 2m ago)
        Looked at:   5s ago, next look in 25s

      Conditions:
        TYPE     STATUS  REASON    FOR  MESSAGE
        Ready    False   Failed    42s  Incus did not answer within 10 s
        Drifted  True    Enforced  42s  Changed by hand: /config/limits.memory

      Steps:
        1. update (safe): limits.memory was changed by hand

      Changed by hand:
        /config/limits.memory

      Overrides:
        freeze by ann: lunch

      Failure:
        Incus did not answer within 10 s. See: journalctl -u incus
      "
    `);
    expect((await pipe('status', 'coi-db')).stdout).toBe(stdout);
  });

  it('is the report in JSON, sorted', async () => {
    const { stdout } = await pipe('status', '--format', 'json');
    expect(JSON.parse(stdout)).toEqual({ sandboxes: [api, db, web], sources: [source], images: [image], host });
    expect(JSON.parse((await pipe('status', 'web', '--format', 'json')).stdout)).toEqual(web);
  });

  it('goes on with --watch, one object a line for each change, until it is interrupted', async () => {
    const ended = new AbortController();
    let asked = 0;
    await using changing = await openPeer({
      status: async () => {
        asked += 1;
        // The third answer differs only in when somebody looked.
        const looked_at = ago(asked);
        if (asked === 4) ended.abort(new (await import('../../src/cli/io.ts')).Interrupted('SIGINT'));
        return { ...status, sandboxes: [{ ...web, looked_at, state: asked === 1 ? 'stopped' : 'running' }] };
      },
    });
    const argv = ['status', '--watch', '--format=json'];
    const { code, stdout, stderr } = await coi(argv, { env: changing.env, signal: ended.signal });
    expect({ code, stderr }).toEqual({ code: 130, stderr: '' });
    const states = stdout.trimEnd().split('\n');
    expect(states.map((line) => (JSON.parse(line) as typeof status).sandboxes[0]!.state)).toEqual([
      'stopped',
      'running',
    ]);
  });
});

describe('coi why', () => {
  it.each(['web', 'db', 'api'])('answers for %s', async (name) => {
    const { code, stdout } = await pipe('why', name);
    expect(code).toBe(0);
    expect(stdout).toMatchSnapshot();
  });

  it('has reason, since when, hint and next look in JSON', async () => {
    expect(JSON.parse((await pipe('why', 'db', '--format=json')).stdout)).toMatchObject({
      name: 'db',
      ready: false,
      phase: 'InProgress',
      reason: 'Failed',
      since: ago(42),
      message: 'Incus did not answer within 10 s',
      hint: 'See: journalctl -u incus',
      step: { kind: 'update' },
      next_look_at: new Date(now + 25_000).toISOString().replace('.000Z', 'Z'),
      also: [{ type: 'Drifted' }],
    });
  });

  it('knows no other names, suggests one, and says what could not be read', async () => {
    const { code, stdout, stderr } = await pipe('why', 'wbe');
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'coi: There is no sandbox "wbe"\n' +
        '  Did you mean "web"? All of them: coi status\n' +
        '  Not read: /etc/coi/desired/bad.toml:4:1: unknown key "imgae". Did you mean "image"?\n',
    );
  });
});

describe('coi why-denied', () => {
  it('says what was refused, how often, why, and what would allow it', async () => {
    const { code, stdout } = await pipe('why-denied', 'web');
    expect(code).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "web (mode allowlist): 3 destinations and 1 name, 6 packets refused

        203.0.113.7:22 (git.example)  3 times, first 10m ago, last 42s ago
          Why:    it is not on the allowlist
          Allow:  add "git.example:22": network.allowed_domains = ["api.example", "git.example:22"]

        [2001:db8::7]:5353/udp  once, 1m 30s ago
          Why:    it is not on the allowlist
          Allow:  add "[2001:db8::7]:5353/udp": network.allowed_domains = ["[2001:db8::7]:5353/udp", "api.example"]

        10.77.0.1 (icmp)  2 times, 1h 56m ago
          Why:    it is a service of this host, or addressed to all on the link
          Nothing in a manifest allows this: services of this host are out of reach in every mode

        evil.example (AAAA)  12 times, first 5m ago, last 5s ago
          Why:    it is not on the allowlist
          Allow:  add "evil.example": network.allowed_domains = ["api.example", "evil.example"]
      "
    `);
  });

  it('is the report in JSON, of the time that is asked for', async () => {
    await using asked = await openPeer();
    const { stdout } = await coi(['why-denied', 'web', '--since', '1h', '--format=json'], { env: asked.env });
    expect(JSON.parse(stdout)).toEqual(denials);
    expect(asked.asked).toEqual([['denials', { name: 'web', since: now - 3_600_000 }]]);
  });

  it('says so when nothing was', async () => {
    await using quiet = await openPeer({
      denials: async () => ({ ...denials, quarantine: 'looking', connections: [], names: [], packets: 0 }),
    });
    expect((await coi(['why-denied', 'web'], { env: quiet.env })).stdout).toBe(
      'web (in quarantine: looking): nothing on record, 0 packets refused\n',
    );
  });
});

describe('coi policy', () => {
  it('shows what is in force and where it comes from', async () => {
    expect((await pipe('policy', 'web')).stdout).toMatchInlineSnapshot(`
      "web: mode allowlist is in force
        Local network:  out of reach
        Metadata:       out of reach
        Names:          those on the allowlist, looked up by coi
        Addresses:      203.0.113.0/28
        Led to:         198.51.100.7 (58s)

      NETWORK KEY               VALUE                             FROM
      mode                      "allowlist"                       manifest /etc/coi/desired/web.toml:5
      block_private_networks    true                              built-in (not used in this mode)
      allowed_domains           ["api.example","203.0.113.0/28"]  profile /etc/coi/config.toml:12
      refresh_interval_minutes  5                                 settings /etc/coi/config.toml:2
      "
    `);
    expect(JSON.parse((await pipe('policy', 'web', '--format=json')).stdout)).toEqual(policy);
  });

  it('says when nothing is, or something else than meant', async () => {
    const { in_force: _, settings: _settings, ...rest } = policy;
    const differs = ['missing: inet mode4 10.77.0.12 : goto allowlist'];
    await using empty = await openPeer({ policy: async () => ({ ...rest, quarantine: 'an alarm', differs }) });
    expect((await coi(['policy', 'web'], { env: empty.env })).stdout).toMatchInlineSnapshot(`
      "web: the kernel holds no rules for it, so nothing gets through
        In quarantine: an alarm. Lift it with: coi resume web
        Not as meant, missing: inet mode4 10.77.0.12 : goto allowlist
      "
    `);
  });

  it('asks about a sandbox called test by its instance', async () => {
    await using asked = await openPeer();
    await coi(['policy', 'coi-test'], { env: asked.env });
    expect(asked.asked).toEqual([['policy', { name: 'coi-test' }]]);
  });
});

describe('coi policy test', () => {
  it('exits with 1 when it is refused, and says what would allow it', async () => {
    const { code, stdout } = await pipe('policy', 'test', 'web', 'git.example:22');
    expect(code).toBe(1);
    expect(stdout).toMatchInlineSnapshot(`
      "web -> git.example:22: refused
        Why:    it is not on the allowlist
        Allow:  add "git.example:22": network.allowed_domains = ["api.example", "git.example:22"]
      "
    `);
    expect(JSON.parse((await pipe('policy', 'test', 'web', 'git.example:22', '--format=json')).stdout)).toEqual(
      refusal,
    );
  });

  it('exits with 0 when it is allowed', async () => {
    const { allow: _, ...rest } = refusal;
    const report = { ...rest, allowed: true, rule: 'listed', why: 'the allowlist has it ("git.example:22")' } as const;
    await using open = await openPeer({ policyTest: async () => ({ ...report, depends_on_address: true }) });
    const { code, stdout } = await coi(['policy', 'test', 'web', 'git.example:22'], { env: open.env });
    expect(code).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "web -> git.example:22: allowed
        Why:    the allowlist has it ("git.example:22")
        Note:   the addresses that the name leads to must be allowed, too
      "
    `);
  });

  it('exits with 2 for what is no destination, and for errors', async () => {
    const { code, stderr } = await pipe('policy', 'test', 'web', 'git.example:0');
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'coi: "git.example:0" is no destination\n  A port is a number from 1 to 65535. Example: github.com:22\n',
    });
    await using failing = await openPeer({
      policyTest: async () => {
        throw new Problem({ code: 'control.unknown-name', message: 'There is no sandbox "wbe"' });
      },
    });
    expect(await coi(['policy', 'test', 'wbe', 'a.example'], { env: failing.env })).toEqual({
      code: 2,
      stdout: '',
      stderr: 'coi: There is no sandbox "wbe"\n',
    });
  });
});

describe('coi diff', () => {
  it('shows steps and differences, and exits with 1', async () => {
    const { code, stdout } = await pipe('diff');
    expect(code).toBe(1);
    expect(stdout).toMatchInlineSnapshot(`
      "web: 2 steps
        1. update (safe): the manifest changed
        2. stop (disruptive): its agent changed
        ~ /config/limits.memory: "1GiB" -> "2GiB"
        + /devices/data~1cache/path: "/cache"
        - /config/limits.cpu: "2"

      1 of 2 sandboxes would change
      Image tools (Building): Its schedule says so
      "
    `);
  });

  it('exits with 1 for an image alone, but not where sandboxes are named', async () => {
    await using calm = await openPeer({ plan: async () => [plans[1]!] });
    const { code, stdout } = await coi(['diff'], { env: calm.env });
    expect([code, stdout]).toEqual([
      1,
      'Nothing to do: 1 sandbox as declared\nImage tools (Building): Its schedule says so\n',
    ]);
    expect(await coi(['diff', 'api'], { env: calm.env })).toMatchObject({ code: 0 });
    await using built = await openPeer({
      plan: async () => [plans[1]!],
      status: async () => ({ ...status, images: [{ ...image, ready: true, reason: 'InSync' }] }),
    });
    expect(await coi(['diff'], { env: built.env })).toMatchObject({
      code: 0,
      stdout: 'Nothing to do: 1 sandbox as declared\n',
    });
  });

  it('colours on a terminal', async () => {
    const { stdout } = await terminal('diff');
    expect(named(stdout)).toContain('‹33›  ~ /config/limits.memory: "1GiB" -> "2GiB"‹39›');
  });

  it('exits with 0 when there is nothing to do', async () => {
    expect(await pipe('diff', 'api')).toEqual({
      code: 0,
      stdout: 'Nothing to do: 1 sandbox as declared\n',
      stderr: '',
    });
  });

  it('exits with 4 when the guard holds something back', async () => {
    const block = { reason: 'Guarded', message: '5 of 6 would be deleted', hint: 'Run coi apply --confirm-deletes 5' };
    await using guarded = await openPeer({ plan: async () => [{ ...plans[1]!, block }] });
    const { code, stdout } = await coi(['diff'], { env: guarded.env });
    expect(code).toBe(4);
    expect(stdout).toContain('api: no steps\n  Blocked (Guarded): 5 of 6 would be deleted\n    Run coi apply');
  });

  it('prints plans as JSON and patches by name, sorted', async () => {
    expect(JSON.parse((await pipe('diff', '--format=json')).stdout)).toEqual([plans[1], plans[0]]);
    expect(JSON.parse((await pipe('diff', '--format=patch')).stdout)).toEqual({ api: [], web: plans[0]!.patch });
  });

  it('exits with 2 for errors', async () => {
    const { code, stderr } = await pipe('diff', '-f', '/nowhere.toml');
    expect(code).toBe(2);
    expect(stderr).toBe('coi: There is no "/nowhere.toml"\n  Check the path\n');
  });
});

describe('coi events', () => {
  const records = [
    {
      seq: 1,
      ts: '2026-03-01T11:00:00.000Z',
      key: 'sandbox/web',
      kind: 'create',
      phase: 'succeeded',
      why: 'it is not there',
      actor: 'controller',
      durationMs: 412.4,
    },
    {
      seq: 2,
      ts: '2026-03-01T11:00:01.000Z',
      key: 'host/network',
      kind: 'rules',
      phase: 'failed',
      why: 'a chain is gone',
      actor: 'cli:ann',
      errorClass: 'nft.failed',
    },
  ];

  it('prints a line for each, oldest first', async () => {
    await using log = await openPeer({
      async *events() {
        yield* records;
      },
    });
    expect((await coi(['events'], { env: log.env })).stdout).toBe(
      '2026-03-01T11:00:00.000Z  web  create succeeded: it is not there (412 ms)\n' +
        '2026-03-01T11:00:01.000Z  host/network  rules failed: a chain is gone (nft.failed, by cli:ann)\n',
    );
    const { stdout } = await coi(['events', 'web', '--since', '1h', '--format=json'], { env: log.env });
    expect(stdout).toBe(records.map((record) => `${JSON.stringify(record)}\n`).join(''));
    expect(log.asked).toEqual([
      ['events', { limit: 100 }],
      ['events', { name: 'web', since: now - 3_600_000 }],
    ]);
  });

  it('follows until it is interrupted, and the controller hears of that', async () => {
    const ended = new AbortController();
    const { promise: left, resolve: leave } = Promise.withResolvers<void>();
    await using log = await openPeer({
      async *events({ signal }) {
        yield records[0]!;
        setTimeout(() => ended.abort(new Error('enough')), 50);
        await new Promise<void>((resolve) => {
          signal.addEventListener('abort', () => resolve());
        });
        leave();
      },
    });
    const { stdout } = await coi(['events', '--follow'], { env: log.env, signal: ended.signal });
    expect(stdout).toContain('create succeeded');
    await left;
  });
});

describe('texts from manifests and sandboxes', () => {
  const evil = '\u001B]0;owned\u0007\u001B[2J\u009B31m\u202E\r\nx';
  const hostile = { ...web, name: `w${evil}`, message: evil, workspace: `/home/${evil}`, image: evil, drift: [evil] };
  const sandbox = {
    ...hostile,
    conditions: [{ ...web.conditions[0]!, message: evil }],
    overrides: [{ kind: 'freeze' as const, by: evil, reason: evil }],
  };
  const bad = { ...source, path: evil, problems: [{ code: 'x', message: evil, hint: evil, file: evil, line: 1 }] };

  it.each([
    ['list'],
    ['list', '--format=json'],
    ['status'],
    ['status', 'coi-web'],
    ['status', '--format=json'],
    ['why', 'coi-web'],
    ['why', 'EVIL'],
    ['diff'],
    ['diff', '--format=json'],
    ['events'],
    ['events', '--format=json'],
    ['freeze', 'EVIL'],
    ['why-denied', 'EVIL'],
    ['policy', 'EVIL'],
    ['policy', 'test', 'EVIL', 'a.example'],
    ['apply'],
  ])('cannot steer the terminal: coi %s %s', async (...argv) => {
    await using peerOfEvil = await openPeer({
      status: async () => ({
        sandboxes: [sandbox],
        sources: [bad],
        images: [{ ...image, message: evil }],
        host: { ...host, unmanaged: [{ name: evil, why: evil }], orphans: [evil], held: [evil] },
      }),
      plan: async () => [
        {
          ...plans[0]!,
          name: evil,
          patch: [{ op: 'add', path: `/${evil}`, value: evil }],
          block: { reason: 'x', message: evil },
        },
      ],
      denials: async () => ({
        ...denials,
        name: evil,
        connections: [{ ...denials.connections[0]!, name: evil }],
        names: [{ ...denials.names[0]!, name: evil }],
      }),
      policy: async () => ({ ...policy, name: evil, settings: [{ ...policy.settings![0]!, value: [evil] }] }),
      policyTest: async () => ({ ...refusal, name: evil }),
      freeze: async () => [{ name: evil, done: false, message: evil }],
      async *events() {
        yield { ts: evil, key: evil, kind: evil, phase: evil, why: evil, actor: evil };
      },
    });
    for (const width of [undefined, 80]) {
      const setting = { env: { ...peerOfEvil.env, NO_COLOR: '1' }, ...(width && { terminal: width }) };
      const { stdout, stderr } = await coi(
        argv.map((word) => word.replace('EVIL', evil)),
        setting,
      );
      expect(stdout + stderr).toMatch(/x1b|u001b/);
      expect((stdout + stderr).replaceAll('\n', '')).not.toMatch(/[\p{Cc}\u202E]/u);
      expect(stdout + stderr).not.toMatch(/^x/m);
    }
  });
});
