/**
 * The main-job example, deployed with the caller's own credentials: where signatures and policies are enforced,
 * the local AWS does not let the CDK's own deployment roles be assumed.
 */
const outdir = process.env.CDK_OUTDIR;
// The example is an app of its own, which would otherwise write to the same folder.
delete process.env.CDK_OUTDIR;
const { MainJob } = require('../../../../cdk/examples/main-job/app.js');
const { App, CliCredentialsStackSynthesizer } = require('aws-cdk-lib');

const app = new App({ outdir });
new MainJob(app, 'MainJob', {
  env: { account: '000000000000', region: 'ap-northeast-1' },
  synthesizer: new CliCredentialsStackSynthesizer(),
});
app.synth();
