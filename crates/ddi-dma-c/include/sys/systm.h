/*
 * What every part of a kernel uses: copying and clearing memory, strings, and the entry points that do nothing.
 *
 * Left out: the kernel's variables, timeouts, and copies from and to processes but ddi_copyin(9F) and ddi_copyout(9F).
 */
#ifndef DDI_DMA_SYS_SYSTM_H
#define DDI_DMA_SYS_SYSTM_H

#include <string.h>
#include <strings.h>

#include <sys/cmn_err.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * POSIX took them out in 2008, and the C library with it where a program asks for that. Elsewhere they may be macros.
 */
#if !defined(__cplusplus) && !defined(bcopy)
extern void bcopy(const void *from, void *to, size_t size);
extern void bzero(void *to, size_t size);
extern int bcmp(const void *s1, const void *s2, size_t size);
#endif

/*
 * Entry points of a driver that has none: nodev returns ENXIO, nulldev 0. They stand for functions of any arguments.
 * C23 has no type for that, so there they convert to any as pointers do; in C++ cast them.
 */
#if defined(__cplusplus)
extern int nodev(void);
extern int nulldev(void);
#elif defined(__STDC_VERSION__) && __STDC_VERSION__ > 201710L
extern int nodev(void);
extern int nulldev(void);
#define nodev ((void *)nodev)
#define nulldev ((void *)nulldev)
#else
extern int nodev();
extern int nulldev();
#endif

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_SYSTM_H */
