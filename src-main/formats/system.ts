import { ExpectedError } from '../../src-shared/failure.ts';

/**
 * A file system's error in the catalogue's words: what is missing or forbidden, and a full device. Anything else comes
 * back as it is.
 */
export function systemFailure(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || error instanceof ExpectedError) return error;
  switch ((error as NodeJS.ErrnoException).code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new ExpectedError('no-space', path, { cause: error });
    case 'ENOENT':
    case 'ENOTDIR':
    case 'EACCES':
    case 'EPERM':
    case 'ELOOP':
    case 'ENAMETOOLONG':
    case 'EISDIR':
    case 'ERR_INVALID_ARG_VALUE':
      return new ExpectedError('file-missing', `${path} (${error.message})`, { cause: error });
    default:
      return error;
  }
}
