import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { describeReadFailure } from '../config/files.ts';
import { writeKey } from '../config/problems.ts';
import type { Configuration } from '../config/schema/configuration.ts';
import { kinds } from '../config/schema/kinds.ts';
import { listRows, visitValues } from '../config/table.ts';
import type { Row } from './row.ts';

/** Looks at every file that the configuration names; those of listeners have a row of their own. */
export async function checkFiles(configuration: Configuration): Promise<readonly Row[]> {
  const files: { readonly what: string; readonly where: string }[] = [];
  for (const { steps, schema } of listRows()) {
    if (schema.title !== kinds.file || steps[0] === 'listen') continue;
    visitValues(configuration, steps, (holder, key, path) => {
      files.push({ what: writeKey(path), where: String(holder[key]) });
    });
  }
  return Promise.all(
    files.map(async (file) => {
      try {
        await access(file.where, constants.R_OK);
        return { ...file, result: 'good', why: '' };
      } catch (error) {
        return { ...file, result: 'failed', why: describeReadFailure(error) };
      }
    }),
  );
}
