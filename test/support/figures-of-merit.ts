/** The last lines of three public codes, retyped from their sources. Their numbers are made up, but for what does not depend on a machine. */
export const lastLines = {
  lulesh: (size: string, origin: string) => `Run completed:
   Problem size        =  ${size}
   MPI tasks           =  1
   Iteration count     =  932
   Final Origin Energy =  ${origin}
   Testing Plane 0 of Energy Array on rank 0:
        MaxAbsDiff   = 6.548362e-11
        TotalAbsDiff = 8.615093e-10
        MaxRelDiff   = 1.461140e-12


Elapsed time         =         14 (s)
Grind time (us/z/c)  = 0.53776723 (per dom)  ( 13.532452 overall)
FOM                  =  1859.5414 (z/s)

`,
  amg2023: (solve: string) => `
=============================================
Hypre init times:
=============================================
Hypre init:
  wall clock time = 0.000002 seconds


FOM_Setup: nnz_AP / Setup Phase Time: 1.103240e+07


Iterations = 19
Final Relative Residual Norm = 5.421420e-09


FOM_Solve: nnz_AP${solve} / Solve Phase Time: 4.012334e+08



Figure of Merit (FOM): nnz_AP / (Setup Phase Time + 3 * Solve Phase Time) 2.781006e+07

`,
  kripke: `
Figures of Merit
================

  Throughput:         2.683674e+06 [unknowns/(second/iteration)]
  Grind time :        3.726235e-07 [(seconds/iteration)/unknowns]
  Sweep efficiency :  17.43900 [100.0 * SweepSubdomain time / SweepSolver time]
  Number of unknowns: 4932800

END
`,
} as const;
