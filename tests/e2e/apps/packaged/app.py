"""What a user of the Python package writes first."""

from aws_cdk import App, CfnOutput, Environment, Stack
from aws_cdk import aws_stepfunctions as sfn
from cdk_cross_region_tasks import CallAwsServiceCrossRegion

app = App()
stack = Stack(app, "Packaged", env=Environment(account="000000000000", region="ap-northeast-1"))
task = CallAwsServiceCrossRegion(stack, "WhoAmI", service="sts", action="getCallerIdentity", region="us-west-2")
machine = sfn.StateMachine(stack, "StateMachine", definition_body=sfn.DefinitionBody.from_chainable(task))
CfnOutput(stack, "StateMachineArn", value=machine.state_machine_arn)
app.synth()
