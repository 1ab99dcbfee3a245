/*
 * Messages (cmn_err(9F)), which go to standard error, and panics, which end the process.
 *
 * A format's first character `!`, `^` or `?` says where a message goes there; here it is left out. Formats are not
 * checked by the compiler, since `%b` is one of the kernel's alone. Left out: messages of zones.
 */
#ifndef DDI_DMA_SYS_CMN_ERR_H
#define DDI_DMA_SYS_CMN_ERR_H

#include <stdarg.h>

#include <sys/ccompile.h>
#include <sys/dditypes.h>
#include <sys/types.h>

#ifdef __cplusplus
#include <stdio.h>
extern "C" {
#endif

#define CE_CONT 0
#define CE_NOTE 1
#define CE_WARN 2
#define CE_PANIC 3
#define CE_IGNORE 4

extern void cmn_err(int level, const char *format, ...);
extern void vcmn_err(int level, const char *format, va_list ap);
extern void dev_err(dev_info_t *dip, int level, DDI_DMA_NAME *format, ...);
extern void vdev_err(dev_info_t *dip, int level, const char *format, va_list ap);
extern void panic(const char *format, ...) __NORETURN;
extern void vpanic(const char *format, va_list ap) __NORETURN;

/*
 * Drivers find these four here. The rest of <stdio.h> stays away: a driver's own function may be called dprintf. Where
 * <stdio.h> was included they may be macros.
 */
#if !defined(__cplusplus) && !defined(sprintf)
extern int sprintf(char *__restrict buf, const char *__restrict format, ...);
extern int snprintf(char *__restrict buf, size_t size, const char *__restrict format, ...);
extern int vsprintf(char *__restrict buf, const char *__restrict format, va_list ap);
extern int vsnprintf(char *__restrict buf, size_t size, const char *__restrict format, va_list ap);
#endif

#ifdef __cplusplus
}
#endif

#endif /* DDI_DMA_SYS_CMN_ERR_H */
