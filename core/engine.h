/* engine.h — the engine roles: what a process of ours does when it is not the front.
 * Flow:   main() sees --engine ROLE CONF ARGS… (spawn.h) and calls engine_main(): conf, zone, log,
 *         blame page, then the role:
 *           write [--restart] [--off=PLUGIN…]   the one writer            engine/writer.h
 *           read [--off=PLUGIN…]                a reader                  engine/reader.h
 *           check                               every error of conf, plugins, scripts; then ends
 *           test PATH…                          a plugin's own tests      engine/testrun.h
 *           script NAME [--as-of D] [--json] …  one review run            engine/scriptrun.h
 *           verify [--json]                     figures against the log   engine/verify.h
 *           import NAME [DIR] …                 maps files to events      engine/import.h
 * Errors: the exit code; write and read explain themselves in the log, the others on stderr. */
#ifndef CX_ENGINE_H
#define CX_ENGINE_H

int engine_main(int argc, char **argv); /* argv[0] is the role */

#endif
