import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { renderPosition } from '../../src/base/problem.ts';
import { hostLayer, mergeSettings } from '../../src/spec/layers.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';
import type { SettingsLayer } from '../../src/spec/schema/files.ts';

const parse = (
  body: string,
  { kind = 'declared', settings = {} }: { kind?: 'declared' | 'session'; settings?: SettingsLayer } = {},
) =>
  parseManifestFile({
    file: 'a.toml',
    text: `apiVersion = "coi/v1"\n${body}`,
    source: 'dir',
    home: '/home/ann',
    kind,
    settings,
  });

const problemsOf = (body: string) =>
  parse(body).problems.map(({ code, message, hint, position }) => ({
    code,
    message,
    hint,
    at: renderPosition(position!).replace('a.toml:', ''),
  }));

/** A list of so many paths. */
const listOf = (count: number, prefix = 'a') =>
  JSON.stringify(Array.from({ length: count }, (_, at) => `${prefix}${at}`));

describe('parseManifestFile() reads', () => {
  it('an empty table as a whole sandbox', () => {
    const { manifests, problems } = parse('[sandbox.web]');
    expect(problems).toEqual([]);
    expect(manifests).toMatchObject([
      {
        name: 'web',
        instance: 'coi-web',
        source: 'dir',
        position: { file: 'a.toml', line: 2 },
        sandbox: {
          image: 'coi',
          state: 'running',
          persistent: false,
          restart: 'always',
          tool: {},
          network: { mode: 'restricted' },
          limits: {},
          policy: { deletion: 'delete', drift: 'enforce', allow: 'in-place' },
          dependsOn: [],
          codeUser: { uid: 1000, name: 'code' },
          shift: true,
        },
      },
    ]);
  });

  it('limits as Incus takes them', () => {
    const { manifests } = parse(`[sandbox.web]
limits.cpu = { count = "0-3", allowance = "25ms/100ms", priority = 0 }
limits.memory = { limit = "50%", swap = false }
limits.disk = { read = "10MiB/s", write = "1000iops", max = "" }
limits.runtime.max_processes = 512`);
    expect(manifests[0]?.sandbox.limits).toEqual({
      cpu: { count: '0-3', allowance: '25ms/100ms' },
      memory: { limit: '50%', enforce: 'soft', swap: 'false' },
      disk: { read: '10MiB', write: '1000iops' },
      processes: 512,
    });
  });

  it('~ as the home of the owner, and paths without detours', () => {
    const { manifests } = parse('[sandbox.a]\nworkspace = "~/code/../shop/"\n[sandbox.b]\nworkspace = "~"');
    expect(manifests.map(({ sandbox }) => sandbox.workspace)).toEqual(['/home/ann/shop', '/home/ann']);
  });

  it('profiles between the settings and the manifest', () => {
    const settings: SettingsLayer = {
      defaults: { image: 'base' },
      limits: { cpu: { count: '1' }, memory: { limit: '1GiB' } },
      profiles: { big: { limits: { cpu: { count: '8' } }, network: { mode: 'none' } } },
    };
    const { manifests } = parse('[sandbox.a]\nprofile = "big"\nnetwork.mode = "open"', { settings });
    expect(manifests[0]?.sandbox).toMatchObject({
      image: 'base',
      network: { mode: 'open' },
      limits: { cpu: { count: '8' }, memory: { limit: '1GiB' } },
    });
  });

  it('no profile that has variables: only sessions get those', () => {
    const { manifests, problems } = parse('[sandbox.a]\nprofile = "p"', {
      settings: { profiles: { p: { environment: { TOKEN: 'x' } } } },
    });
    expect(manifests).toEqual([]);
    expect(problems).toMatchObject([{ code: 'spec.profile-environment', position: { line: 3, column: 1 } }]);
  });

  it('an allowlist that nobody names as what agents need, and the registries of the host', () => {
    const allowedIn = (body: string, settings: SettingsLayer) =>
      Object.keys(parse(body, { settings }).manifests[0]?.sandbox.network.allowed ?? {});
    const body = '[sandbox.a]\nnetwork.mode = "allowlist"';
    const host = hostLayer(['packages.example:8443', 'api.openai.com']);
    const usual = allowedIn(body, {});
    expect(usual).toEqual(expect.arrayContaining(['api.anthropic.com', 'platform.claude.com', 'api.openai.com']));
    expect(allowedIn(body, host)).toEqual([...usual, 'packages.example:8443'].toSorted());
    const named = mergeSettings([host, { network: { allowed_domains: ['named.example'] } }]);
    expect(allowedIn(body, named)).toEqual(['named.example']);
    expect(allowedIn(`${body}\nnetwork.allowed_domains = ["own.example"]`, named)).toEqual(['own.example']);
    const strict: SettingsLayer = {
      profiles: { strict: { network: { mode: 'allowlist', allowed_domains: ['profile.example'] } } },
    };
    expect(allowedIn('[sandbox.a]\nprofile = "strict"', { ...host, ...strict })).toEqual(['profile.example']);
  });

  it('the registries of the host as no difference in other modes', () => {
    const [without] = parse('[sandbox.a]').manifests;
    const [within] = parse('[sandbox.a]', { settings: hostLayer(['packages.example']) }).manifests;
    expect(within?.hash).toBe(without?.hash);
  });

  it('an empty allowlist as a mistake', () => {
    const { problems } = parse('[sandbox.a]\nnetwork = { mode = "allowlist", allowed_domains = [] }');
    expect(problems).toMatchObject([{ code: 'spec.combination', hint: expect.stringContaining('"none"') }]);
    expect(problems[0]?.message).toContain('nothing could be reached');
    const settings: SettingsLayer = { network: { allowed_domains: [] } };
    expect(parse('[sandbox.a]\nnetwork.mode = "allowlist"', { settings }).problems).toHaveLength(1);
    expect(parse('[sandbox.a]', { settings }).problems).toEqual([]);
  });

  it('a limit of the settings as lifted by an empty text', () => {
    const settings: SettingsLayer = { limits: { memory: { limit: '1GiB' } } };
    expect(parse('[sandbox.a]\nlimits.memory.limit = ""', { settings }).manifests[0]?.sandbox.limits).toEqual({});
  });

  it('the same meaning as the same hash, whatever the layout', () => {
    const [a] = parse('[sandbox.a]\nimage = "x"\nlimits.cpu.count = "2"\ndepends_on = ["c", "b", "c"]').manifests;
    const [b] = parse(
      '\n[sandbox]\na = { depends_on = ["b", "c"], limits = { cpu = { count = "2" } }, image = "x" }',
    ).manifests;
    const [other] = parse('[sandbox.a]\nimage = "y"').manifests;
    expect(a?.hash).toBe(b?.hash);
    expect(a?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(other?.hash).not.toBe(a?.hash);
  });

  it('names of sessions and full instance names in the session source only', () => {
    const body = '[sandbox.bbb41b38-1]\ninstance = "dev-bbb41b38-1"';
    expect(parse(body, { kind: 'session' }).manifests).toMatchObject([
      { name: 'bbb41b38-1', instance: 'dev-bbb41b38-1', sandbox: { restart: 'never' } },
    ]);
    expect(parse(body).problems.map(({ code }) => code)).toEqual(['spec.name', 'spec.unknown-key']);
  });

  it('the good sandboxes of a file with a bad one, and the names of all', () => {
    const { manifests, names, problems } = parse('[sandbox.good]\n[sandbox.bad]\nimage = 1');
    expect(manifests.map(({ name }) => name)).toEqual(['good']);
    expect(names).toEqual(['good', 'bad']);
    expect(problems).toHaveLength(1);
  });
});

describe('parseManifestFile() never throws', () => {
  const odd = fc.oneof(
    fc.string({ maxLength: 40 }),
    fc.string({
      unit: fc.constantFrom('[', ']', '{', '}', '"', "'", '=', '.', ',', '#', 'a', '1', '-', ' ', '\n', '\\'),
    }),
    fc.constantFrom(
      '[sandbox.a]',
      '[[sandbox.a]]',
      'sandbox = []',
      'sandbox.a.limits = 1',
      'network.mode = [[]]',
      '1 = 1',
    ),
    fc.constantFrom(
      'a = 99999999999999999999',
      'a = inf',
      'a = nan',
      'state = 1979-05-27',
      '\uFEFFa = 1',
      '[profiles]',
    ),
    fc.constantFrom('constructor.prototype = 1', 'toString = 1', '[sandbox.toString]', 'hasOwnProperty = {}', '"" = 1'),
  );
  it('and finds a place for every problem', () => {
    fc.assert(
      fc.property(fc.array(odd, { maxLength: 6 }), (lines) => {
        for (const problem of parse(lines.join('\n')).problems) {
          expect(problem.position?.line).toBeGreaterThan(0);
          expect(problem.position?.column).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('parseManifestFile() reports', () => {
  it.each([
    {
      what: 'an unknown key with the nearest one',
      body: '[sandbox.a]\nworkspce = "/w"',
      found: {
        code: 'spec.unknown-key',
        at: '3:1',
        message: 'sandbox.a.workspce is not a known key',
        hint: 'Did you mean "workspace"?',
      },
    },
    {
      what: 'a key without its section',
      body: '[sandbox.a]\nttl = "8h"',
      found: { code: 'spec.unknown-key', at: '3:1', hint: 'Did you mean "lifetime.ttl"?' },
    },
    {
      what: 'a value of the wrong type',
      body: '[sandbox.a]\npersistent = "yes"',
      found: { code: 'spec.value', at: '3:14', message: 'sandbox.a.persistent is "yes", but must be true or false' },
    },
    {
      what: 'a mistyped value with the nearest one',
      body: '[sandbox.a]\nnetwork = { mode = "opne" }',
      found: {
        code: 'spec.value',
        at: '3:20',
        message: 'sandbox.a.network.mode is "opne", but must be one of "restricted", "allowlist", "open", "none"',
        hint: 'Did you mean "open"?',
      },
    },
    {
      what: 'an item of a list',
      body: '[sandbox.a]\ntool.command = [\n"a",\n1]',
      found: { code: 'spec.value', at: '5:1', message: 'sandbox.a.tool.command[1] is 1, but must be a text' },
    },
    {
      what: 'a wrong cron field',
      body: '[sandbox.a]\nschedule.start = "0 25 * * *"',
      found: { code: 'spec.value', at: '3:18', hint: 'Correct the expression: Field value (25) is out of range.' },
    },
    {
      what: 'a date that never comes',
      body: '[sandbox.a]\nschedule.start = "0 0 30 2 *"',
      found: { code: 'spec.value', at: '3:18', hint: 'The day it names never comes.' },
    },
    {
      what: 'a mistyped time zone',
      body: '[sandbox.a]\nschedule = { start = "0 9 * * *", timezone = "Europe/Warsw" }',
      found: { code: 'spec.value', at: '3:46', hint: 'Did you mean "Europe/Warsaw"?' },
    },
    { what: 'a lifetime of zero', body: '[sandbox.a]\nlifetime.ttl = "0s"', found: { code: 'spec.value', at: '3:16' } },
    {
      what: 'a negative lifetime',
      body: '[sandbox.a]\nlifetime.ttl = "-1h"',
      found: { code: 'spec.value', at: '3:16' },
    },
    {
      what: 'a reversed range of CPUs',
      body: '[sandbox.a]\nlimits.cpu.count = "3-0"',
      found: { code: 'spec.value', at: '3:20' },
    },
    { what: 'no CPU at all', body: '[sandbox.a]\nlimits.cpu.count = "0"', found: { code: 'spec.value', at: '3:20' } },
    {
      what: 'more than all CPU time',
      body: '[sandbox.a]\nlimits.cpu.allowance = "101%"',
      found: { code: 'spec.value', at: '3:24' },
    },
    {
      what: 'a priority above 10',
      body: '[sandbox.a]\nlimits.disk.priority = 11',
      found: { code: 'spec.value', at: '3:24' },
    },
    {
      what: 'a wrong unit',
      body: '[sandbox.a]\nlimits.memory.limit = "4Gib"',
      found: { code: 'spec.value', at: '3:23' },
    },
    {
      what: 'a relative workspace',
      body: '[sandbox.a]\nworkspace = "code"',
      found: { code: 'spec.value', at: '3:13' },
    },
    {
      what: "somebody else's home",
      body: '[sandbox.a]\nworkspace = "~bob/x"',
      found: { code: 'spec.value', at: '3:13' },
    },
    {
      what: 'the whole host as workspace',
      body: '[sandbox.a]\nworkspace = "/srv/.."',
      found: { code: 'spec.combination', at: '3:1' },
    },
    {
      what: 'two mounts with one device',
      body: '[sandbox.a]\nmounts = { "/a" = { host = "/x", device = "d" }, "/b" = { host = "/y", device = "d" } }',
      found: { code: 'spec.combination', at: '3:1', hint: expect.stringContaining('leave device out') },
    },
    {
      what: 'a mount with the device of something else',
      body: '[sandbox.a]\nmounts = { "/a" = { host = "/x", device = "root" } }',
      found: { code: 'spec.combination', at: '3:1' },
    },
    {
      what: 'a mount whose device has a name that is given to others',
      body: '[sandbox.a]\nmounts = { "/a" = { host = "/x", device = "mount-1a2b3c4d" } }',
      found: { code: 'spec.value', at: '3:43' },
    },
    {
      what: 'a schedule of nothing',
      body: '[sandbox.a]\nschedule = {}',
      found: { code: 'spec.combination', at: '3:1' },
    },
    {
      what: 'start and stop at once',
      body: '[sandbox.a]\nschedule = { start = "0 9 * * *", stop = "0  9 * * *" }',
      found: { code: 'spec.combination', at: '3:35' },
    },
    {
      what: 'snapshots without a schedule',
      body: '[sandbox.a]\nsnapshots = { expiry = "7d" }',
      found: { code: 'spec.combination', at: '3:1', hint: expect.stringContaining('snapshots.schedule') },
    },
    {
      what: 'a schedule of snapshots that Incus does not know',
      body: '[sandbox.a]\nsnapshots = { schedule = "@often" }',
      found: { code: 'spec.value', at: '3:26', message: expect.stringContaining('five cron fields such as') },
    },
    {
      what: 'a weekday that Incus does not know',
      body: '[sandbox.a]\nsnapshots.schedule = "0 3 * * 1,7"',
      found: { code: 'spec.value', at: '3:22', hint: 'Incus has no weekday 7: Sunday is 0.' },
    },
    {
      what: 'snapshots that expire at once',
      body: '[sandbox.a]\n[sandbox.a.snapshots]\nschedule = "@daily"\nexpiry = "0h"',
      found: { code: 'spec.value', at: '5:10', hint: 'The duration is zero: make it longer or remove the key.' },
    },
    {
      what: 'snapshots that expire within seconds',
      body: '[sandbox.a]\nsnapshots = { schedule = "@daily", expiry = "30s" }',
      found: {
        code: 'spec.value',
        at: '3:45',
        message: expect.stringContaining('a duration in minutes, hours or days'),
      },
    },
    {
      what: 'a tombstone that may not be deleted',
      body: '[sandbox.a]\nstate = "absent"\npolicy.deletion = "protect"',
      found: { code: 'spec.combination', at: '3:1' },
    },
    {
      what: 'a sandbox that waits for itself',
      body: '[sandbox.a]\ndepends_on = ["a"]',
      found: { code: 'spec.combination', at: '3:1' },
    },
    {
      what: 'more protected paths than a start can bear',
      body: `[sandbox.a]\nsecurity.additional_protected_paths = ${listOf(201)}`,
      found: { code: 'spec.value', at: '3:39', message: expect.stringContaining('a list of at most 200 paths') },
    },
    {
      what: 'more of them in two lists',
      body: `[sandbox.a]\nworkspace = "/w"\nsecurity.protected_paths = ${listOf(150)}\nsecurity.additional_protected_paths = ${listOf(150, 'b')}`,
      found: { code: 'spec.combination', at: '4:1', message: expect.stringContaining('more than 200 paths') },
    },
    {
      what: 'an unknown profile',
      body: '[sandbox.a]\nprofile = "x"',
      found: { code: 'spec.profile', at: '3:1', hint: 'The settings have no profiles.' },
    },
    { what: 'a sandbox that is no table', body: 'sandbox.a = 1', found: { code: 'spec.value', at: '2:13' } },
    { what: 'a name in capitals', body: '[sandbox.Web]', found: { code: 'spec.name', at: '2:10' } },
    { what: 'a name that is too long', body: `[sandbox.${'a'.repeat(60)}]`, found: { code: 'spec.name', at: '2:10' } },
    { what: 'a name like a session', body: '[sandbox.bbb41b38-1]', found: { code: 'spec.name', at: '2:10' } },
    { what: 'a name like one being deleted', body: '[sandbox.del-x]', found: { code: 'spec.name', at: '2:10' } },
    {
      what: 'a key that JavaScript treats specially',
      body: '[sandbox.__proto__]',
      found: { code: 'spec.syntax', at: '2:10' },
    },
  ])('$what', ({ body, found }) => {
    const { manifests } = parse(body);
    expect(manifests).toEqual([]);
    expect(problemsOf(body)).toMatchObject([found]);
  });

  it('everything at once, in the order of the file', () => {
    const found = problemsOf(`extra = 1
[sandbox.A]
imge = "x"
[sandbox.b]
state = "on"
lifetime.idle = "1h"
prompt = "x"
limits.cpu.count = 2
`);
    expect(found.map(({ code, at }) => `${at} ${code}`)).toEqual([
      '2:1 spec.unknown-key',
      '3:10 spec.name',
      '4:1 spec.unknown-key',
      '6:9 spec.value',
      '7:10 spec.unsupported',
      '9:20 spec.value',
    ]);
  });

  it('what is no TOML with line and column', () => {
    const [problem] = parse('[sandbox.a]\nimage = \n').problems;
    expect(problem).toMatchObject({ code: 'spec.syntax', position: { file: 'a.toml', line: 3 } });
    expect(problem?.message).toContain('image = ');
  });

  it.each([
    { text: '[sandbox.a]', message: 'apiVersion is missing' },
    { text: 'apiVersion = "coi/v2"\n[sandbox.a]', message: 'apiVersion is "coi/v2", but must be "coi/v1"' },
  ])('a missing or foreign version: $message', ({ text, message }) => {
    const parsed = parseManifestFile({ file: 'a.toml', text, source: 'dir', home: '/', settings: {} });
    expect(parsed.problems.map((problem) => problem.message)).toEqual([message]);
    expect(parsed.manifests).toEqual([]);
  });

  it('nothing for names that plain objects have', () => {
    expect(parse('[sandbox.constructor]\nimage = "x"').manifests.map(({ name }) => name)).toEqual(['constructor']);
  });
});
