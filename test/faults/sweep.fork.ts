/** An engine of the sweep in a process of its own: plays one run after the other, as it is told to. */
import { startFaultEngine } from './fault-engine.ts';
import { playRun, type RunName } from './sweep.ts';

const [assemblyDir = '', stackName = ''] = process.argv.slice(2);

// It ends with whoever started it.
process.on('disconnect', () => process.exit(0));
const fault = await startFaultEngine({ assemblyDir, stackName });
process.on('message', (message: { readonly run: RunName } | { readonly stop: true }) => {
  void ('run' in message
    ? playRun(fault, message.run).then((result) => process.send?.({ result }))
    : fault.stop().then(() => process.disconnect()));
});
process.send?.({ ready: true });
