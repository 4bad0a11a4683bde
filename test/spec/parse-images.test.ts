import { describe, expect, test } from 'vitest';
import { mergeFiles } from '../../src/spec/merge-files.ts';
import { parseManifestFile } from '../../src/spec/parse-manifests.ts';

function parse(text: string, file = 'i.toml') {
  return parseManifestFile({
    file,
    text: `apiVersion = "coi/v1"\n${text}`,
    source: 's',
    home: '/home/u',
    settings: {},
  });
}

describe('an image', () => {
  test('is built from the definition of its name where nothing else is said', () => {
    const { images, imageNames, problems } = parse('[image.coi]\n');
    expect(problems).toEqual([]);
    expect(images).toEqual([
      {
        name: 'coi',
        image: { recipe: { kind: 'definition', definition: 'coi' } },
        source: 's',
        position: { file: 'i.toml', line: 2 },
        hash: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    ]);
    expect(imageNames).toEqual(['coi']);
  });

  test.each([
    ['definition = "base"', { recipe: { kind: 'definition', definition: 'base' } }],
    ['definition = "~/images/mine/"', { recipe: { kind: 'definition', definition: '/home/u/images/mine' } }],
    ['script = "~/set-up"', { recipe: { kind: 'script', script: '/home/u/set-up', base: 'coi' } }],
    ['script = "/s"\nbase = "b"', { recipe: { kind: 'script', script: '/s', base: 'b' } }],
    ['schedule = "0 4 * * 1"', { schedule: { expression: '0 4 * * 1', timezone: 'UTC' } }],
    ['schedule = "0 4 * * 1"\ntimezone = "Europe/Warsaw"', { schedule: { timezone: 'Europe/Warsaw' } }],
    ['keep = 7', { keep: 7 }],
  ])('takes %s', (text, expected) => {
    const { images, problems } = parse(`[image.x]\n${text}\n`);
    expect(problems).toEqual([]);
    expect(images[0]?.image).toMatchObject(expected);
  });

  test('means the same however it is written', () => {
    const [plain, spelled] = [parse('[image.x]\n'), parse('# a word\n[image.x]\ndefinition = "x"\n')];
    expect(plain.images[0]?.hash).toBe(spelled.images[0]?.hash);
    expect(parse('[image.x]\nkeep = 2\n').images[0]?.hash).not.toBe(plain.images[0]?.hash);
  });

  test.each([
    ['[image."No good"]', 2, '"No good" cannot be the name of an image'],
    ['[image.x]\nscript = "/s"\ndefinition = "x"', 3, 'image.x: script and definition exclude each other'],
    ['[image.x]\nbase = "b"', 3, 'image.x: base is what a script is run on, and there is none'],
    ['[image.coi]\nscript = "/s"', 2, 'image.coi: the image would be built from itself'],
    ['[image.x]\ntimezone = "UTC"', 3, 'image.x: timezone is that of a schedule, and there is none'],
    ['[image.x]\nscript = "s"', 3, 'image.x.script is "s", but must be an absolute path, or one that begins with "~/"'],
    ['[image.x]\ndefinition = "../x"', 3, 'image.x.definition is "../x", but must be the name of a definition'],
    ['[image.x]\nschedule = "61 4 * * 1"', 3, 'image.x.schedule is "61 4 * * 1", but must be five cron fields'],
    ['[image.x]\nschedule = "0 4 * * 1"\ntimezone = "Mars/Base"', 4, 'image.x.timezone is "Mars/Base"'],
    ['[image.x]\nkeep = 0', 3, 'image.x.keep is 0, but must be a whole number from 1 to 1000'],
    ['[image.x]\nkep = 1', 3, 'image.x.kep is not a known key'],
    ['[image]\nx = 1', 3, 'image.x is 1, but must be a table'],
  ])('is refused as %j', (text, line, message) => {
    const { images, imageNames, problems } = parse(text);
    expect(problems.map((problem) => problem.message)).toEqual([expect.stringContaining(message)]);
    expect(problems[0]?.position).toMatchObject({ file: 'i.toml', line });
    expect(problems[0]?.hint).toBeTruthy();
    expect([images, imageNames.length]).toEqual([[], 1]);
  });

  test('does not keep sandboxes of the same file from being read, nor they it', () => {
    const { images, manifests, problems } = parse(
      '[image.x]\nkeep = 0\n[image.y]\n[sandbox.a]\n[sandbox.b]\nstate = 1\n',
    );
    expect(problems).toHaveLength(2);
    expect([images.map(({ name }) => name), manifests.map(({ name }) => name)]).toEqual([['y'], ['a']]);
  });

  test('counts in neither of two files', () => {
    const { problems } = mergeFiles([parse('[image.x]\n', 'a'), parse('[image.x]\n', 'b')]);
    expect(problems.map(({ message }) => message)).toEqual([
      'image "x" is also declared in b:2',
      'image "x" is also declared in a:2',
    ]);
  });

  test('is nothing for files of sessions', () => {
    const text = 'apiVersion = "coi/v1"\n[image.x]\n';
    const session = parseManifestFile({ file: 'f', text, source: 's', home: '/', settings: {}, kind: 'session' });
    expect(session.problems.map(({ code }) => code)).toContain('spec.unknown-key');
    expect(session.images).toEqual([]);
  });
});
