import { Ajv, type ValidateFunction } from 'ajv';
import addFormats from 'ajv-formats';
import * as z from 'zod';
import { reportSchema } from '../../src/report/report-schema.js';

let validate: ValidateFunction | undefined;

/** Reads a report.json. Throws unless it has all members of the schema and no others. */
export function validReport(text: string) {
  if (validate === undefined) {
    const ajv = new Ajv({ allErrors: true });
    addFormats.default(ajv);
    // As output, the schema allows no members that it does not name.
    validate = ajv.compile(z.toJSONSchema(reportSchema, { io: 'output', target: 'draft-7' }));
  }
  const report = JSON.parse(text);
  // Not as a type guard, which would make an `unknown` of what tests look into.
  const isValid: boolean = validate(report);
  if (isValid) return report;
  const errors = validate.errors!.slice(0, 5).map(({ instancePath, message, params }) => {
    return `${instancePath || '/'} ${message} ${JSON.stringify(params)}`;
  });
  throw new Error(`report.json is not as its schema says:\n${errors.join('\n')}`);
}
