/** An engine of the sweep in its own process. It plays the runs that its parent sends, one after the other. */
import { startFaultEngine } from './fault-engine.ts';
import { playRun, type RunName } from './sweep.ts';

const [assemblyDir = '', stackName = ''] = process.argv.slice(2);

// End with the parent process.
process.on('disconnect', () => process.exit(0));
const fault = await startFaultEngine({ assemblyDir, stackName });
process.on('message', (message: { readonly run: RunName } | { readonly stop: true }) => {
  void ('run' in message
    ? playRun(fault, message.run).then((result) => process.send?.({ result }))
    : fault.stop().then(() => process.disconnect()));
});
process.send?.({ ready: true });
