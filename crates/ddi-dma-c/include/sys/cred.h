/*
 * Credentials, which pass through a driver's entry points.
 *
 * Left out: everything in them. No process asks for anything here.
 */
#ifndef DDI_DMA_SYS_CRED_H
#define DDI_DMA_SYS_CRED_H

typedef struct cred cred_t;

#endif /* DDI_DMA_SYS_CRED_H */
