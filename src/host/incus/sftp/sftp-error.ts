/** Why the server did not do what it was asked: draft-ietf-secsh-filexfer-02, section 7. */
export type SftpFailure = 'end-of-file' | 'no-such-file' | 'permission-denied' | 'failure';

const failureOf: Readonly<Record<number, SftpFailure>> = {
  1: 'end-of-file',
  2: 'no-such-file',
  3: 'permission-denied',
};

/** The server refused one request; the connection goes on. */
export class SftpError extends Error {
  readonly failure: SftpFailure;

  constructor(status: number, text: string) {
    super(text);
    this.name = 'SftpError';
    this.failure = failureOf[status] ?? 'failure';
  }
}

/** The connection is of no more use: it was lost, or what came over it makes no sense. */
export class SftpLost extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'SftpLost';
  }
}
