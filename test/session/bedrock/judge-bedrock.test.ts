import { describe, expect, it } from 'vitest';
import { renderProblem } from '../../../src/base/problem.ts';
import type { AwsFound } from '../../../src/host/aws/look-at-aws.ts';
import { judgeBedrock, type BedrockAsk } from '../../../src/session/bedrock/judge-bedrock.ts';

const well: AwsFound = { identity: { kind: 'known' }, hasDirectory: true, looseFiles: [], macDirectories: [] };
const ask: BedrockAsk = {
  ownerHome: '/home/ann',
  guestHome: '/home/code',
  mounted: ['/data', '/home/code/.aws'],
  given: ['AWS_REGION'],
  keptBack: [],
};

function judged(found: Partial<AwsFound>, asked: Partial<BedrockAsk> = {}) {
  const { errors, warnings } = judgeBedrock({ ...well, ...found }, { ...ask, ...asked });
  return { errors: errors.map(renderProblem), warnings: warnings.map(renderProblem) };
}
const refused = { kind: 'refused', why: 'the token has expired' } as const;

describe('judgeBedrock()', () => {
  it('finds nothing where all is there', () => {
    expect(judged({})).toEqual({ errors: [], warnings: [] });
  });

  it('needs the AWS CLI', () => {
    const { errors } = judged({ identity: { kind: 'no-program' } });
    expect(errors).toEqual([expect.stringMatching(/^The AWS CLI is missing[^]*\n {2}Install/)]);
  });

  it('needs the directory of the login', () => {
    const { errors } = judged({ hasDirectory: false });
    expect(errors).toEqual([expect.stringMatching(/no directory \/home\/ann\/\.aws[^]*\n {2}.*aws configure sso/)]);
  });

  it('needs a login that AWS accepts, and says why it does not', () => {
    const { errors } = judged({ identity: refused });
    expect(errors).toEqual([
      expect.stringMatching(/get-caller-identity failed: the token has expired\n {2}.*aws sso login\.$/),
    ]);
  });

  it('says which variables of AWS the agent does not get', () => {
    const { errors } = judged({ identity: refused }, { keptBack: ['AWS_PROFILE', 'AWS_REGION'] });
    expect(errors).toEqual([expect.stringContaining('-e AWS_PROFILE=… -e AWS_REGION=…')]);
  });

  it('needs the login inside, where the agent looks for it', () => {
    for (const mounted of [[], ['/data'], ['/root/.aws'], ['/home/code/.aws/sso']]) {
      const { errors } = judged({}, { mounted });
      expect(errors).toEqual([
        expect.stringMatching(/mounted at \/home\/code\/\.aws[^]*--mount ~\/\.aws:\/home\/code\/\.aws/),
      ]);
    }
    expect(judged({}, { mounted: ['/home/code/.aws/'] }).errors).toEqual([]);
  });

  it('reports everything at once', () => {
    const { errors } = judged({ identity: refused, hasDirectory: false }, { mounted: [] });
    expect(errors).toHaveLength(3);
  });

  it('needs no directory where the agent gets keys', () => {
    const keys = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'];
    expect(judged({ hasDirectory: false }, { mounted: [], given: keys }).errors).toEqual([]);
    expect(judged({ hasDirectory: false }, { mounted: [], given: keys.slice(0, 1) }).errors).toHaveLength(2);
    expect(judged({ identity: refused }, { given: keys }).errors).toHaveLength(1);
  });

  it('warns of tokens that others can read, and names some of them', () => {
    const one = judged({ looseFiles: ['/home/ann/.aws/sso/cache/a.json'] });
    expect(one.errors).toEqual([]);
    expect(one.warnings).toEqual([expect.stringMatching(/cache\/a\.json\n {2}.*chmod go-rwx/)]);
    const many = judged({ looseFiles: Array.from({ length: 7 }, (_, index) => `/${index}.json`) });
    expect(many.warnings).toEqual([expect.stringContaining('/4.json and 2 more')]);
  });

  it('warns of a second login in macOS', () => {
    const macDirectories = ['/Users/ann/.aws'];
    const { errors, warnings } = judged({ macDirectories });
    expect(errors).toEqual([]);
    expect(warnings).toEqual([expect.stringMatching(/\/home\/ann\/\.aws [^]*\/Users\/ann\/\.aws/)]);
    expect(judged({ macDirectories, hasDirectory: false }).warnings).toEqual([]);
  });
});
