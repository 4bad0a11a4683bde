import { execa } from 'execa';
import { describe, expect, it } from 'vitest';
import { containerConnectivityCheck } from '../../src/health/checks/container-connectivity.ts';
import { networkRestrictionCheck } from '../../src/health/checks/network-restriction.ts';
import { spoofingCheck } from '../../src/health/checks/spoofing.ts';
import type { Sight } from '../../src/health/sight.ts';
import { parsePlace, placeText, readTrial, trialArguments, trialScript, type Trial } from '../../src/health/trial.ts';

const targets = {
  reach: { host: 'api.example', port: 443 },
  private: [
    { host: '10.0.0.1', port: 80 },
    { host: 'fd00::1', port: 8080 },
  ],
  forged: '10.90.255.254',
};

const sees = (trial: Trial) => ({ trial: () => Promise.resolve(trial) }) as unknown as Sight;
const trialOf = (printed: readonly string[], hostReaches = true) =>
  sees(readTrial(targets, hostReaches, printed.join('\n')));
const all = ['resolved', 'reached', 'tried'];

describe('what a sandbox showed', () => {
  it.each([
    [all, true, 'ok'],
    [['resolved'], true, 'failed'],
    [[], true, 'failed'],
    [[], false, 'warning'],
  ] as const)('%j where the host gets there (%s): connectivity %s', async (printed, hostReaches, status) => {
    expect(await containerConnectivityCheck.look(trialOf(printed, hostReaches))).toMatchObject({ status });
  });

  it('tells a name that cannot be looked up from a place that cannot be reached', async () => {
    expect((await containerConnectivityCheck.look(trialOf([]))).message).toContain('look up api.example');
    expect((await containerConnectivityCheck.look(trialOf(['resolved']))).message).toContain('reach api.example:443');
  });

  it('names each private place that answered', async () => {
    expect(await networkRestrictionCheck.look(trialOf(all))).toMatchObject({
      status: 'ok',
      details: { tried: '10.0.0.1:80, [fd00::1]:8080' },
    });
    expect(await networkRestrictionCheck.look(trialOf([...all, 'opened 1']))).toMatchObject({
      status: 'failed',
      message: expect.stringContaining('[fd00::1]:8080'),
    });
  });

  it.each([
    [['resolved'], 'unknown'],
    [[], 'unknown'],
    [['opened 0'], 'failed'],
  ] as const)('%j: nothing about private networks unless it gets somewhere: %s', async (printed, status) => {
    expect(await networkRestrictionCheck.look(trialOf(printed))).toMatchObject({ status });
  });

  it.each([
    [all, 'ok'],
    [[...all, 'passed'], 'failed'],
    [['resolved', 'reached'], 'unknown'],
    // What it does not reach under its own address says nothing about another one.
    [['resolved', 'tried'], 'unknown'],
    [[], 'unknown'],
  ] as const)('%j: spoofing %s', async (printed, status) => {
    expect(await spoofingCheck.look(trialOf(printed))).toMatchObject({ status });
  });
});

describe('a place', () => {
  it.each(['api.example:443', '10.0.0.1:80', '[2001:db8::7]:22'])('%s is read and written as it stands', (text) => {
    expect(placeText(parsePlace(text))).toBe(text);
  });
});

it('hands hosts to the script as arguments, whatever is in them', async () => {
  const odd = { ...targets, reach: { host: '$(touch /nowhere/x); echo resolved', port: 1 }, private: [] };
  const { stdout, stderr, exitCode } = await execa('bash', ['-c', trialScript, 'coi', ...trialArguments(odd)]);
  expect({ stdout, exitCode }).toEqual({ stdout: '', exitCode: 0 });
  expect(stderr).not.toContain('/nowhere');
});
