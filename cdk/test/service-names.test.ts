/**
 * The names that users of the SDK for JavaScript write, versions 3 and 2, each mean the same service here.
 * The lists are those that aws-cdk-lib carries for its own custom resources.
 */
import * as fs from 'fs';
import * as path from 'path';
import { findService } from '../src/catalog';

const folder = path.join(
  path.dirname(require.resolve('aws-cdk-lib/package.json')),
  'custom-resources/lib/helpers-internal',
);
const read = (file: string) => JSON.parse(fs.readFileSync(path.join(folder, file), 'utf8')) as Record<string, unknown>;

/** Services that AWS has retired, and two clients for streaming alone that are in no other SDK. */
const retired = new Set([
  'alexa-for-business',
  'apptest',
  'backupstorage',
  'codestar',
  'elastic-inference',
  'elastic-transcoder',
  'evidently',
  'finspace',
  'finspace-data',
  'honeycode',
  'iot-1click-devices-service',
  'iot-1click-projects',
  'iot-events',
  'iot-events-data',
  'iot-roborunner',
  'iotanalytics',
  'iotfleethub',
  'lookoutmetrics',
  'lookoutvision',
  'mobile',
  'nimble',
  'opsworks',
  'opsworkscm',
  'panorama',
  'privatenetworks',
  'qldb',
  'qldb-session',
  'rekognitionstreaming',
  'robomaker',
  'simspaceweaver',
  'sms',
  'tnb',
  'transcribe-streaming',
  'worklink',
]);

test('every package of version 3 is known or retired', () => {
  const packages = Object.keys(read('sdk-v3-metadata.json'));
  expect(packages.length).toBeGreaterThan(300);
  expect(packages.filter((name) => !findService(name) && !retired.has(name))).toEqual([]);
  expect([...retired].filter((name) => findService(name))).toEqual([]);
});

test('every class of version 2 means the service of its package in version 3', () => {
  const classes = Object.entries(read('sdk-v2-to-v3.json') as Record<string, string>);
  expect(classes.length).toBeGreaterThan(100);
  const wrong = classes.filter(([name, suffix]) => {
    // The list writes this one package with its words run together.
    const current = suffix === 'sage-maker-a2iruntime' ? 'sagemaker-a2i-runtime' : suffix;
    const id = findService(current)?.id;
    return !retired.has(current) && (id === undefined || findService(name)?.id !== id);
  });
  expect(wrong).toEqual([]);
});
