/*
 * Names for what compilers can be told of a function or variable.
 *
 * Left out: the format checks of the kernel's own printf, whose conversions compilers do not know.
 */
#ifndef DDI_DMA_SYS_CCOMPILE_H
#define DDI_DMA_SYS_CCOMPILE_H

#ifndef __NORETURN
#define __NORETURN __attribute__((__noreturn__))
#endif
#ifndef __CONST
#define __CONST __attribute__((__const__))
#endif
#ifndef __PURE
#define __PURE __attribute__((__pure__))
#endif
#ifndef __unused
#define __unused __attribute__((__unused__))
#endif
#ifndef __maybe_unused
#define __maybe_unused __attribute__((__unused__))
#endif
#ifndef __packed
#define __packed __attribute__((__packed__))
#endif

/* Formats are not checked: `%b` is one of the kernel's, and no compiler's. */
#ifndef __KPRINTFLIKE
#define __KPRINTFLIKE(n)
#endif
#ifndef __KVPRINTFLIKE
#define __KVPRINTFLIKE(n)
#endif

#endif /* DDI_DMA_SYS_CCOMPILE_H */
