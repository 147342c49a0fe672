/**
 * The handler's binary as a Lambda asset.
 *
 * In: the architecture. Out: code that holds the one file `bootstrap`.
 * Fails where the package carries no binary for the architecture: a package is built for the ones its
 * builder had a Rust target for.
 */
import * as fs from 'fs';
import * as path from 'path';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { lambdaFolder } from './package-folder';

export function bootstrapCode(architecture: lambda.Architecture, folder = lambdaFolder): lambda.Code {
  const code = path.join(folder, architecture.name);
  if (!fs.existsSync(path.join(code, 'bootstrap'))) {
    throw new Error(
      `this package of cdk-cross-region-tasks carries no binary for \`${architecture.name}\` (${present(folder)}): ` +
        `choose another \`architecture\`, or build one with \`make package ARCH=${architecture.name}\``,
    );
  }
  return lambda.Code.fromAsset(code, { exclude: ['*', '!bootstrap'] });
}

function present(folder: string): string {
  const found = fs.existsSync(folder)
    ? fs.readdirSync(folder).filter((name) => fs.existsSync(path.join(folder, name, 'bootstrap')))
    : [];
  return found.length > 0 ? `it has ${found.join(', ')}` : 'it has none';
}
