/**
 * The cross-account example, deployed with the callers' own credentials: where signatures and policies are enforced,
 * the local AWS does not let the CDK's own deployment roles be assumed.
 */
const outdir = process.env.CDK_OUTDIR;
// The example is an app of its own, which would otherwise write to the same folder.
delete process.env.CDK_OUTDIR;
const { CrossAccount, Orders } = require('../../../../cdk/examples/cross-account/app.js');
const { App, CliCredentialsStackSynthesizer, LegacyStackSynthesizer } = require('aws-cdk-lib');

const app = new App({ outdir });
const caller = new CrossAccount(app, 'CrossAccount', {
  env: { account: '000000000000', region: 'ap-northeast-1' },
  synthesizer: new CliCredentialsStackSynthesizer(),
});
new Orders(app, 'Orders', {
  caller,
  env: { account: '111122223333', region: 'us-west-2' },
  // Without a file to upload, it needs no bucket, and so no bootstrapping.
  synthesizer: new LegacyStackSynthesizer(),
});
app.synth();
