import { packTar } from '../base/pack-tar.ts';
import { Problem } from '../base/problem.ts';
import { renderDuration } from '../base/units.ts';
import type { BuildLog } from './build-log.ts';
import { usualTimeoutMs, type BuildStep, type Tree } from './definition.ts';
import { runLong, runScript, type Guest } from './guest.ts';

/** Where a step's script lies while it runs. Not in /run or /tmp, which may hold no programs. */
const scriptDir = '/var/lib/coi-build';

/** Longest unpacking of a folder, in milliseconds. */
const unpackMs = 600_000;

/** What a step is carried out with. */
export interface StepInit {
  readonly step: BuildStep;
  /** Of the script, beside the pinned versions. */
  readonly environment: Readonly<Record<string, string>>;
  readonly log: BuildLog;
}

/**
 * Carry out one step in a build container: its files, then its script.
 *
 * @throws {Problem} `image.step-failed`, or `image.step-timeout`, with the last lines of what was printed
 */
export async function runStep(guest: Guest, { step, environment, log }: StepInit): Promise<void> {
  await log.begin(step.name);
  for (const tree of step.trees) await layTree(guest, tree);
  if (!step.script) return;
  const path = `${scriptDir}/${step.name}`;
  const put = await runScript(guest, putScript, { args: [scriptDir, path], stdin: step.script });
  if (put.exitCode !== 0) throw unprepared(step, put.stderr);
  const argv = isProgram(step.script) ? [path] : ['sh', path];
  const env = { DEBIAN_FRONTEND: 'noninteractive', ...environment, ...step.versions };
  const { timeoutMs = usualTimeoutMs } = step;
  const exitCode = await runLong(guest, { argv, env, output: log.take, timeoutMs });
  await runScript(guest, 'rm -rf "$1"', { args: [scriptDir] });
  if (exitCode === undefined) throw tooLong(step, timeoutMs, log);
  if (exitCode !== 0) throw failed(step, exitCode, log);
}

const putScript = 'umask 022; mkdir -p "$1" && cat >"$2" && chmod 700 "$2"';

function isProgram(script: Uint8Array): boolean {
  return Buffer.from(script.subarray(0, 2)).toString('latin1') === '#!';
}

/**
 * What was read, and not what lies in the folder by now: its hash is that of the stage. Only files and links are named:
 * directories that are there keep their owner and mode.
 */
async function layTree(guest: Guest, { folder, entries }: Tree): Promise<void> {
  if (entries.length === 0) return;
  const archive = packTar(
    entries.map((each) => (each.kind === 'file' ? { ...each, mode: each.isExecutable ? 0o755 : 0o644 } : each)),
    guest.clock.now(),
  );
  const { exitCode, stderr } = await runScript(guest, 'umask 022; tar -C / -xf -', {
    stdin: archive,
    timeoutMs: unpackMs,
  });
  if (exitCode === 0) return;
  throw new Problem({
    code: 'image.files-not-laid',
    message: `The files of ${folder} could not be laid over the image: ${lastLine(stderr)}`,
    hint: 'The base needs sh and tar.',
  });
}

function unprepared({ name }: BuildStep, stderr: Buffer): Problem {
  return new Problem({
    code: 'image.step-failed',
    message: `The script of stage "${name}" could not be put into the container: ${lastLine(stderr)}`,
    hint: 'The base needs sh, mkdir, cat and chmod, and space.',
  });
}

function lastLine(text: Buffer): string {
  return text.toString('utf8').trim().split('\n').at(-1) ?? '';
}

function failed({ name }: BuildStep, exitCode: number, log: BuildLog): Problem {
  return new Problem({
    code: 'image.step-failed',
    message: `Stage "${name}" failed with exit code ${exitCode}${lastSaid(log)}`,
  });
}

function tooLong({ name }: BuildStep, timeoutMs: number, log: BuildLog): Problem {
  return new Problem({
    code: 'image.step-timeout',
    message: `Stage "${name}" did not end within ${renderDuration(timeoutMs)} and was killed${lastSaid(log)}`,
    hint: 'Should it take that long, give the step a longer timeout in image.toml.',
  });
}

function lastSaid(log: BuildLog): string {
  const lines = log.lastLines();
  if (lines.length === 0) return ', and printed nothing';
  return `. It printed last:\n${lines.map((line) => `  ${line}`).join('\n')}`;
}
