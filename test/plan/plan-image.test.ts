import { describe, expect, test } from 'vitest';
import { planImage, type ImageLook, type ImageWorld } from '../../src/plan/plan-image.ts';
import type { DeclaredImage } from '../../src/spec/declared-image.ts';

const now = Date.parse('2026-03-02T12:00:00Z');
const hour = 3_600_000;
const recipe = { kind: 'definition', definition: 'coi' } as const;
const weekly: DeclaredImage = { recipe, schedule: { expression: '0 4 * * 1', timezone: 'UTC' } };
/** When the schedule fired last: on the Monday that `now` is. */
const fired = Date.parse('2026-03-02T04:00:00Z');

function built(isCurrent: boolean, builtAt: number): ImageLook {
  return { kind: 'built', fingerprint: 'f', isCurrent, builtAt };
}

function planned(world: Partial<ImageWorld>) {
  return planImage({ image: { recipe }, look: built(true, now - hour), now, ...world });
}

describe('an image is built', () => {
  test('when it is missing, and when it is made from something else', () => {
    expect(planned({ look: { kind: 'missing' } })).toMatchObject({ reason: 'Missing', build: { anew: false } });
    expect(planned({ look: built(false, now) })).toMatchObject({ reason: 'Outdated', build: { anew: false } });
  });

  test('anew, when its schedule has fired since it was built', () => {
    const due = planned({ image: weekly, look: built(true, fired - 1) });
    expect(due).toMatchObject({ reason: 'Refresh', build: { anew: true }, nextLookAt: fired + 7 * 24 * hour });
    expect(planned({ image: weekly, look: built(true, fired + 1) })).toEqual({
      reason: 'InSync',
      message: expect.any(String),
      nextLookAt: fired + 7 * 24 * hour,
    });
  });

  test('in the time zone of its schedule', () => {
    // Four in the morning there is three in UTC.
    const image = { recipe, schedule: { expression: '0 4 * * 1', timezone: 'Europe/Warsaw' } };
    expect(planned({ image, look: built(true, fired - hour + 1) }).reason).toBe('InSync');
    expect(planned({ image, look: built(true, fired - hour - 1) }).reason).toBe('Refresh');
  });
});

describe('an image is not built', () => {
  test('when it is as declared, or when somebody made it by hand', () => {
    expect(planned({}).reason).toBe('InSync');
    const foreign = planned({ image: weekly, look: { kind: 'foreign', fingerprint: 'f' } });
    expect(foreign).toEqual({ reason: 'ForeignImage', message: expect.any(String) });
  });

  test('again for a firing that it was built after, though it came out the same and kept its old time', () => {
    expect(planned({ image: weekly, look: built(true, fired - 1), lastBuiltAt: fired + 60_000 }).reason).toBe('InSync');
  });

  test('before its next try after a failure', () => {
    const failed = { message: 'no network; it is tried again later', failures: 1, retryAt: now + hour };
    expect(planned({ look: { kind: 'missing' }, failed })).toEqual({
      reason: 'BuildFailed',
      message: failed.message,
      nextLookAt: now + hour,
    });
    expect(planned({ look: { kind: 'missing' }, failed, now: now + hour }).build).toEqual({ anew: false });
    // What is there in the meantime is good enough to say nothing about.
    expect(planned({ failed }).reason).toBe('InSync');
  });

  test('at once where the last build from the same did not help', () => {
    const world = { look: { kind: 'missing' }, lastBuiltAt: now - 1_000 } as const;
    const rested = planned({ ...world, wasBuiltSo: true });
    expect(rested).toEqual({ reason: 'Missing', message: expect.any(String), nextLookAt: now + 19_000 });
    expect(planned({ ...world, wasBuiltSo: true, now: now + 19_000 }).build).toBeDefined();
    expect(planned({ ...world, wasBuiltSo: false }).build).toBeDefined();
  });
});
